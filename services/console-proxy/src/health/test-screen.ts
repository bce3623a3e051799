// A screen of the proxy's own, on which its health check looks: a small RFB server (RFC 6143) with VNC authentication and
// a picture that nobody knows beforehand. It listens nowhere.
import { randomBytes } from 'node:crypto';
import { type Duplex, duplexPair } from 'node:stream';
import { readBytes } from '../rfb/byte-reader.ts';
import { answerChallenge } from '../rfb/vnc-authentication.ts';

/** Pixels of a side. */
export const testScreenSide = 16;
const bytesPerPixel = 4;
const name = Buffer.from('health');
/** RFB message types of a client by number, and the bytes that follow the type. */
const fixedLengths: Readonly<Record<number, number>> = { 0: 19, 3: 9, 4: 7, 5: 5 };

function serverInit(): Buffer {
  const init = Buffer.alloc(24);
  init.writeUInt16BE(testScreenSide, 0);
  init.writeUInt16BE(testScreenSide, 2);
  // 32 bits a pixel, depth 24, little-endian, true colour, 8 bits a colour at 16, 8 and 0.
  Buffer.from([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0]).copy(init, 4);
  init.writeUInt32BE(name.length, 20);
  return Buffer.concat([init, name]);
}

/** A FramebufferUpdate of one raw rectangle. */
function update(picture: Buffer): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16BE(1, 2);
  head.writeUInt16BE(testScreenSide, 8);
  head.writeUInt16BE(testScreenSide, 10);
  return Buffer.concat([head, picture]);
}

/** One screen for one viewer. */
export class TestScreen {
  readonly password = randomBytes(6).toString('base64url');
  /** Raw pixels. */
  readonly picture = randomBytes(testScreenSide * testScreenSide * bytesPerPixel);

  /** A connection to it; ends with `signal`. */
  open(signal: AbortSignal): Duplex {
    const [inside, outside] = duplexPair();
    inside.on('error', () => {});
    const end = () => inside.destroy();
    signal.addEventListener('abort', end);
    inside.once('close', () => signal.removeEventListener('abort', end));
    // Whoever looks sees that it ended, which is all that there is to tell.
    this.#serve(inside, signal).catch(() => inside.destroy());
    return outside;
  }

  async #serve(stream: Duplex, signal: AbortSignal): Promise<void> {
    const read = (length: number, what: string) => readBytes(stream, length, what, signal);
    stream.write('RFB 003.008\n');
    await read(12, 'the version');
    stream.write(Buffer.from([1, 2]));
    await read(1, 'the security type');
    const challenge = randomBytes(16);
    stream.write(challenge);
    const isRight = (await read(16, 'the answer')).equals(answerChallenge(challenge, this.password));
    stream.write(Buffer.from([0, 0, 0, isRight ? 0 : 1]));
    if (!isRight) throw new Error('the password is wrong');
    await read(1, 'ClientInit');
    stream.write(serverInit());
    for (;;) await this.#answer(stream, read);
  }

  async #answer(stream: Duplex, read: (length: number, what: string) => Promise<Buffer>): Promise<void> {
    const [type = 0] = await read(1, 'a message');
    if (type === 2) {
      const count = (await read(3, 'SetEncodings')).readUInt16BE(1);
      await read(4 * count, 'encodings');
    } else if (type === 6) {
      await read((await read(7, 'ClientCutText')).readUInt32BE(3), 'a text');
    } else {
      const length = fixedLengths[type];
      if (length === undefined) throw new Error(`a message of type ${type}`);
      await read(length, 'a message');
    }
    if (type === 3) stream.write(update(this.picture));
  }
}
