// The handshake with a viewer in the server's place: security type None, since its ticket was its password.
import { MalformedMessageError } from './client-messages.ts';

const versions = new Map([
  ['RFB 003.003\n', 3],
  ['RFB 003.007\n', 7],
  ['RFB 003.008\n', 8],
]);
const none = 1;

/** What the proxy says first. */
export const proxyVersion = Buffer.from('RFB 003.008\n');

/** Takes the viewer's part as it comes; at its end the viewer has the server's ServerInit. */
export class ViewerHandshake {
  readonly #serverInit: Buffer;
  readonly #write: (bytes: Buffer) => void;
  #step: 'version' | 'security' | 'init' | 'done' = 'version';
  #version = 8;
  #begun = Buffer.alloc(0);

  constructor(serverInit: Buffer, write: (bytes: Buffer) => void) {
    this.#serverInit = serverInit;
    this.#write = write;
  }

  get isDone(): boolean {
    return this.#step === 'done';
  }

  /** Answers with the bytes that are not of the handshake. Throws MalformedMessageError. */
  push(chunk: Buffer): Buffer {
    let rest = this.#begun.length === 0 ? chunk : Buffer.concat([this.#begun, chunk]);
    while (this.#step !== 'done') {
      const length = this.#step === 'version' ? 12 : 1;
      if (rest.length < length) {
        this.#begun = Buffer.from(rest);
        return Buffer.alloc(0);
      }
      this.#take(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    this.#begun = Buffer.alloc(0);
    return rest;
  }

  #take(part: Buffer): void {
    if (this.#step === 'version') this.#agree(part.toString('latin1'));
    else if (this.#step === 'security') {
      if (part[0] !== none) throw new MalformedMessageError(`security type ${part[0]}, expected ${none}`);
      if (this.#version === 8) this.#write(Buffer.alloc(4));
      this.#step = 'init';
    } else {
      this.#write(this.#serverInit);
      this.#step = 'done';
    }
  }

  #agree(text: string): void {
    const version = versions.get(text);
    if (version === undefined) throw new MalformedMessageError('a version of RFB that is not 3.3, 3.7 or 3.8');
    this.#version = version;
    this.#write(version === 3 ? Buffer.from([0, 0, 0, none]) : Buffer.from([1, none]));
    this.#step = version === 3 ? 'init' : 'security';
  }
}
