// Keys and buttons that a viewer holds down: who loses control must not leave them down in the machine.

/** No keyboard holds more; what is beyond is released by the server when the viewer goes. */
const keyLimit = 64;

export class HeldInput {
  readonly #keys = new Map<string, Buffer>();
  #pointer: Buffer | null = null;

  /** Notes a key event of `size` bytes; `flag`: the place of the last byte of its down flag. */
  key(bytes: Buffer, at: number, size: number, flag: number): void {
    const isDown = bytes[at + flag] !== 0;
    if (!isDown && this.#keys.size === 0) return;
    const release = Buffer.from(bytes.subarray(at, at + size));
    release[flag] = 0;
    const name = release.toString('latin1');
    if (!isDown) this.#keys.delete(name);
    else if (this.#keys.size < keyLimit) this.#keys.set(name, release);
  }

  /** Notes a pointer event. */
  pointer(bytes: Buffer, at: number): void {
    if (bytes[at + 1] === 0) this.#pointer = null;
    else {
      this.#pointer = Buffer.from(bytes.subarray(at, at + 6));
      this.#pointer[1] = 0;
    }
  }

  /** The messages that let go of everything, once. */
  releases(): Buffer[] {
    const messages = [...this.#keys.values(), ...(this.#pointer === null ? [] : [this.#pointer])];
    this.#keys.clear();
    this.#pointer = null;
    return messages;
  }
}
