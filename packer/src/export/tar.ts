import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';

const blockBytes = 512;

/** A file of an archive; `content`: its text, or a file's path. */
export interface TarMember {
  readonly name: string;
  readonly content: { readonly text: string } | { readonly path: string };
}

/** The header of a plain file, POSIX ustar; owner root. `mtime`: seconds since 1970. */
export function tarHeader(name: string, bytes: number, mtime: number): Buffer {
  if (Buffer.byteLength(name) > 100) throw new Error(`${name}: expected a name of at most 100 bytes in an archive`);
  const header = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  header.write(name, 0, 'utf8');
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(bytes, 124, 11);
  octal(mtime, 136, 11);
  header.write('        ', 148, 'latin1');
  header.write('0', 156, 'latin1');
  header.write('ustar\0' + '00', 257, 'latin1');
  header.write('root', 265, 'latin1');
  header.write('root', 297, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

/** Writes an archive of these files, in this order. */
export async function writeTar(path: string, members: readonly TarMember[], mtime: number): Promise<void> {
  const archive = await open(path, 'wx', 0o644);
  try {
    for (const { name, content } of members) {
      const bytes = 'text' in content ? Buffer.byteLength(content.text) : (await stat(content.path)).size;
      await archive.write(tarHeader(name, bytes, mtime));
      if ('text' in content) await archive.write(content.text);
      else
        for await (const part of createReadStream(content.path, { highWaterMark: 1024 * 1024 }))
          await archive.write(part);
      await archive.write(Buffer.alloc((blockBytes - (bytes % blockBytes)) % blockBytes));
    }
    await archive.write(Buffer.alloc(2 * blockBytes));
  } finally {
    await archive.close();
  }
}
