// Archives of the kind that the kernel unpacks as its initramfs: cpio, format `newc` (Documentation/driver-api/early-userspace).

const headerBytes = 110;
const magic = '070701';

/** A file, or a folder where there is no content. */
export interface ArchiveFile {
  readonly name: string;
  readonly mode: number;
  readonly content?: Buffer;
}

function padded(buffer: Buffer): Buffer {
  return Buffer.concat([buffer, Buffer.alloc((4 - (buffer.length % 4)) % 4)]);
}

function entry({ name, mode, content = Buffer.alloc(0) }: ArchiveFile, inode: number): Buffer {
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = magic + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.from(`${header}${name}\0`, 'latin1')), padded(content)]);
}

/** An archive of the files, in their order. */
export function writeArchive(files: readonly ArchiveFile[]): Buffer {
  const all = [...files, { name: 'TRAILER!!!', mode: 0 }];
  return Buffer.concat(all.map((file, index) => entry(file, index + 1)));
}

/** The content of a file in an archive that is not compressed; null where there is none. */
export function fileOf(archive: Buffer, wanted: string): Buffer | null {
  const aligned = (at: number) => Math.ceil(at / 4) * 4;
  for (let at = 0; archive.toString('latin1', at, at + 6) === magic; ) {
    const field = (number: number) => {
      const from = at + 6 + 8 * number;
      return Number.parseInt(archive.toString('latin1', from, from + 8), 16);
    };
    const [bytes, nameBytes] = [field(6), field(11)];
    const name = archive.toString('latin1', at + headerBytes, at + headerBytes + nameBytes - 1);
    const content = aligned(at + headerBytes + nameBytes);
    if (name.replace(/^\.?\//, '') === wanted) return archive.subarray(content, content + bytes);
    at = aligned(content + bytes);
  }
  return null;
}
