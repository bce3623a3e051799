// A tar archive (POSIX.1-1988, ustar) of a few files in memory.

/** One file of an archive. `name`: at most 100 bytes. */
export interface TarFile {
  readonly name: string;
  readonly text: string;
}

const blockBytes = 512;

function octal(value: number, length: number): string {
  return `${Math.floor(value)
    .toString(8)
    .padStart(length - 1, '0')}\0`;
}

function header(name: string, bytes: number, timeMs: number): Buffer {
  const block = Buffer.alloc(blockBytes);
  if (Buffer.byteLength(name) > 100) throw new RangeError(`${name}: expected a name of at most 100 bytes`);
  block.write(name, 0);
  block.write(octal(0o600, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(bytes, 12), 124);
  block.write(octal(timeMs / 1000, 12), 136);
  // The checksum is taken with its own field blank.
  block.write(' '.repeat(8), 148);
  block.write('0', 156);
  block.write('ustar\0' + '00', 257);
  block.write('root', 265);
  block.write('root', 297);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

/** The archive's bytes; every file has the time `timeMs`. */
export function tarOf(files: readonly TarFile[], timeMs: number): Buffer {
  const parts = files.flatMap(({ name, text }) => {
    const body = Buffer.from(text);
    const padding = Buffer.alloc((blockBytes - (body.length % blockBytes)) % blockBytes);
    return [header(name, body.length, timeMs), body, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * blockBytes)]);
}
