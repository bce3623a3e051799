// Messages of a viewer to an RFB server, parsed exactly as bytes come (RFC 6143 7.5; rfbproto.rst of the RFB community for
// extensions), so that a viewer who only watches has no message of input. Nothing is held back but a header in two parts.
import type { ConsoleMode } from '@isthmus/contract';
import { HeldInput } from './held-input.ts';

/** Bytes that are no message of a viewer. The session cannot go on: where the next message begins is unknown. */
export class MalformedMessageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MalformedMessageError';
  }
}

/** Most bytes of a paste, and most encodings that a viewer may name. */
export const pasteLimit = 1_048_576;
const encodingLimit = 1024;
const fenceLimit = 64;

const [setPixelFormat, setEncodings, updateRequest, keyEvent, pointerEvent, cutText] = [0, 2, 3, 4, 5, 6];
const [continuousUpdates, fence, xvp, desktopSize, qemu] = [150, 248, 250, 251, 255];
const [qemuKey, qemuAudio] = [0, 1];
const extendedMouseButtons = -316;
/** Of the flags of an extended clipboard message: what a person does, unlike what programs agree on. */
const [notify, provide] = [1 << 27, 1 << 28];

function qemuSize(bytes: Buffer, at: number, have: number): number {
  if (have < 2) return 2;
  const kind = bytes[at + 1];
  if (kind === qemuKey) return 12;
  if (kind !== qemuAudio) throw new MalformedMessageError(`QEMU message ${kind} is unknown`);
  if (have < 4) return 4;
  const operation = bytes.readUInt16BE(at + 2);
  if (operation > 2) throw new MalformedMessageError(`QEMU audio operation ${operation} is unknown`);
  return operation === 2 ? 10 : 4;
}

function encodingsSize(bytes: Buffer, at: number, have: number): number {
  if (have < 4) return 4;
  const count = bytes.readUInt16BE(at + 2);
  if (count > encodingLimit) throw new MalformedMessageError(`${count} encodings, at most ${encodingLimit} are taken`);
  return 4 + 4 * count;
}

function cutTextSize(bytes: Buffer, at: number, have: number): number {
  if (have < 8) return 8;
  const length = bytes.readInt32BE(at + 4);
  if (Math.abs(length) > pasteLimit || (length < 0 && length > -4)) {
    throw new MalformedMessageError(`a paste of ${length} bytes, at most ${pasteLimit} are taken`);
  }
  return length < 0 ? 12 : 8;
}

/** Bytes that follow the header of a message and say nothing that has to be known. */
function bodyLength(bytes: Buffer, at: number): number {
  const type = bytes[at];
  if (type === cutText) {
    const length = bytes.readInt32BE(at + 4);
    return length < 0 ? -length - 4 : length;
  }
  if (type === desktopSize) return 16 * (bytes[at + 6] ?? 0);
  if (type !== fence) return 0;
  const length = bytes[at + 8] ?? 0;
  if (length > fenceLimit) throw new MalformedMessageError(`a fence of ${length} bytes, at most ${fenceLimit}`);
  return length;
}

/** True where a person did something: a key, the pointer, a paste. */
function isActivity(bytes: Buffer, at: number): boolean {
  const type = bytes[at];
  if (type === keyEvent || type === pointerEvent) return true;
  if (type === qemu) return bytes[at + 1] === qemuKey;
  if (type !== cutText) return false;
  return bytes.readInt32BE(at + 4) >= 0 || (bytes.readUInt32BE(at + 8) & (notify | provide)) !== 0;
}

/** True where a message changes nothing in the machine. */
function mayWatcherSend(bytes: Buffer, at: number): boolean {
  const type = bytes[at] ?? 0;
  if (type === qemu) return bytes[at + 1] === qemuAudio;
  return type <= updateRequest || type === continuousUpdates || type === fence;
}

/**
 * Takes a viewer's bytes in whatever parts they come, and calls `forward` with those that go to the server: of parts of
 * what it was given, without a copy where a header is whole.
 */
export class ClientMessages {
  readonly #forward: (bytes: Buffer) => void;
  readonly #held = new HeldInput();
  #mode: ConsoleMode;
  /** Of a header whose rest has not come. */
  #begun: Buffer | null = null;
  /** Bytes of the current message that are to come, and whether they are forwarded. */
  #body = 0;
  #isKept = true;
  #hasInput = false;
  #marksPointer = false;
  #hasMarked = false;
  #releasesAfterBody = false;

  constructor(mode: ConsoleMode, forward: (bytes: Buffer) => void) {
    this.#mode = mode;
    this.#forward = forward;
  }

  /**
   * True where the viewer sent a pointer event of the extended kind: it is longer by a byte, and only the server knows
   * whether it reads it so. Such a stream cannot become one that only watches.
   */
  get isAmbiguous(): boolean {
    return this.#hasMarked;
  }

  /** From the next message on. Keys and buttons that are down are released in the server when control is lost. */
  use(mode: ConsoleMode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    if (mode === 'control') return;
    if (this.#body > 0 && this.#isKept) this.#releasesAfterBody = true;
    else this.#release();
  }

  /** True where a person's input was among the bytes. Throws MalformedMessageError; what came before it was forwarded. */
  push(chunk: Buffer): boolean {
    this.#hasInput = false;
    let at = this.#begun === null ? 0 : this.#finish(this.#begun, chunk);
    let from = at;
    while (at < chunk.length) {
      if (this.#body > 0) {
        const end = at + Math.min(this.#body, chunk.length - at);
        this.#body -= end - at;
        if (!this.#isKept) from = end;
        at = end;
        if (this.#body === 0 && this.#releasesAfterBody) {
          this.#part(chunk, from, at);
          from = at;
          this.#release();
        }
        continue;
      }
      const size = this.#size(chunk, at, chunk.length - at);
      if (size > chunk.length - at) {
        this.#part(chunk, from, at);
        this.#begun = Buffer.from(chunk.subarray(at));
        return this.#hasInput;
      }
      if (!this.#begin(chunk, at)) {
        this.#part(chunk, from, at);
        from = at + size;
      }
      at += size;
    }
    this.#part(chunk, from, at);
    return this.#hasInput;
  }

  /** Completes a header that was begun; answers with how many bytes of the chunk it took. */
  #finish(begun: Buffer, chunk: Buffer): number {
    let header = begun;
    let at = 0;
    for (;;) {
      const missing = this.#size(header, 0, header.length) - header.length;
      if (missing === 0) break;
      const end = Math.min(at + missing, chunk.length);
      header = Buffer.concat([header, chunk.subarray(at, end)]);
      at = end;
      if (this.#size(header, 0, header.length) > header.length && at === chunk.length) {
        this.#begun = header;
        return at;
      }
    }
    this.#begun = null;
    if (this.#begin(header, 0)) this.#forward(header);
    return at;
  }

  #part(chunk: Buffer, from: number, to: number): void {
    if (from < to) this.#forward(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
  }

  /** Bytes of the header of the message that begins there, or of what has to be read of it to know. */
  #size(bytes: Buffer, at: number, have: number): number {
    const type = bytes[at];
    if (type === pointerEvent) {
      if (!this.#marksPointer) return 6;
      return have < 2 ? 2 : ((bytes[at + 1] ?? 0) & 0x80) === 0 ? 6 : 7;
    }
    if (type === keyEvent) return 8;
    if (type === updateRequest || type === continuousUpdates) return 10;
    if (type === setPixelFormat) return 20;
    if (type === setEncodings) return encodingsSize(bytes, at, have);
    if (type === cutText) return cutTextSize(bytes, at, have);
    if (type === fence) return 9;
    if (type === xvp) return 4;
    if (type === desktopSize) return 8;
    if (type === qemu) return qemuSize(bytes, at, have);
    throw new MalformedMessageError(`message ${type} is none that a viewer sends`);
  }

  /** A message whose header is whole; answers with whether it is forwarded. */
  #begin(bytes: Buffer, at: number): boolean {
    this.#body = bodyLength(bytes, at);
    if (isActivity(bytes, at)) this.#hasInput = true;
    if (bytes[at] === setEncodings) this.#noteEncodings(bytes, at);
    this.#isKept = this.#mode === 'control' || mayWatcherSend(bytes, at);
    if (this.#isKept && this.#mode === 'control') this.#note(bytes, at);
    return this.#isKept;
  }

  #note(bytes: Buffer, at: number): void {
    const type = bytes[at];
    if (type === keyEvent) this.#held.key(bytes, at, 8, 1);
    else if (type === qemu && bytes[at + 1] === qemuKey) this.#held.key(bytes, at, 12, 3);
    else if (type === pointerEvent) {
      this.#held.pointer(bytes, at);
      if (((bytes[at + 1] ?? 0) & 0x80) !== 0) this.#hasMarked = true;
    }
  }

  #noteEncodings(bytes: Buffer, at: number): void {
    const count = bytes.readUInt16BE(at + 2);
    this.#marksPointer = false;
    for (let index = 0; index < count; index += 1) {
      if (bytes.readInt32BE(at + 4 + 4 * index) === extendedMouseButtons) this.#marksPointer = true;
    }
  }

  #release(): void {
    this.#releasesAfterBody = false;
    for (const message of this.#held.releases()) this.#forward(message);
  }
}
