import { createHash } from 'node:crypto';
import { type BigIntStats, createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

interface Known {
  readonly identity: string;
  readonly digest: Promise<string>;
}

/** What changes with every write to a file: which inode it is, its size, and when it or its owner and mode were changed. */
function identityOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function readWhole(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest('hex');
}

/** SHA-256 of big files: a file is read again only where it changed since. */
export class FileDigests {
  readonly #known = new Map<string, Known>();

  /** Lower-case hexadecimal. Errors are those of node:fs. */
  async of(path: string): Promise<string> {
    const identity = identityOf(await stat(path, { bigint: true }));
    const known = this.#known.get(path);
    if (known?.identity === identity) return known.digest;
    const digest = readWhole(path);
    this.#known.set(path, { identity, digest });
    try {
      const value = await digest;
      // Written to while it was read: the digest is of no state that it ever had.
      if (identityOf(await stat(path, { bigint: true })) !== identity) this.#known.delete(path);
      return value;
    } catch (error) {
      this.#known.delete(path);
      throw error;
    }
  }
}
