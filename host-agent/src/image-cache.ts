// The images that this host's VMs run on, each under the SHA-256 of its bytes: whole and checked, or not there at all.
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rm, stat, statfs, utimes } from 'node:fs/promises';
import type { CachedImages, Machine } from '@isthmus/contract';
import { type Log, realFiles } from '@isthmus/host';
import { HostAgentError } from './errors.ts';

/** What the disk keeps free when an image comes: for the overlays of those that run. */
const reserveBytes = 256 * 1024 * 1024;
/** An image that was used within this time is not removed: the VM that it came for may be about to be made. */
const recentMs = 10 * 60 * 1000;

const finished = /^[0-9a-f]{64}$/;
const temporary = /^\.[0-9a-f]{64}\.\d+$/;

/** `used` answers with the SHA-256 of each image that a machine of this host has. */
export interface ImageCacheOptions {
  readonly directory: string;
  readonly log: Log;
  readonly used: () => ReadonlySet<string>;
  /** Time in ms since 1970. */
  readonly now?: () => number;
  /** Free bytes where `directory` lies. */
  readonly freeBytes?: (directory: string) => Promise<number>;
}

async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}

/** Where a host keeps its images; `state` is the host agent's directory. */
export function imageDirectory(state: string): string {
  return `${state}/images`;
}

/** Path of an image in the cache, whether it is there or not. */
export function imagePathOf(state: string, sha256: string): string {
  return `${imageDirectory(state)}/${sha256}`;
}

/** Every image that a machine needs. */
export function imagesOf({ image }: Machine): string[] {
  const { sha256, kernel } = image;
  return kernel === undefined ? [sha256] : [sha256, kernel.kernel, kernel.initrd];
}

export class ImageCache {
  readonly #options: Required<ImageCacheOptions>;
  #number = 0;

  constructor(options: ImageCacheOptions) {
    this.#options = { now: Date.now, freeBytes: freeBytesOf, ...options };
  }

  /** Removes what a host agent left that ended while an image came. Before any other call. */
  async open(): Promise<void> {
    const names = await this.#names();
    await Promise.all(
      names.filter((name) => temporary.test(name)).map((name) => rm(this.#path(name), { force: true })),
    );
  }

  async list(): Promise<CachedImages> {
    const names = (await this.#names()).filter((name) => finished.test(name)).sort();
    return Promise.all(names.map(async (sha256) => ({ sha256, bytes: (await stat(this.#path(sha256))).size })));
  }

  /** Throws HostAgentError (`conflict`) where the cache lacks an image of the machine; notes that they are used. */
  async require(machine: Machine): Promise<void> {
    const now = new Date(this.#options.now());
    for (const sha256 of imagesOf(machine)) {
      await utimes(this.#path(sha256), now, now).catch((error: unknown) => {
        const message = `image ${sha256}: expected it in this host's cache (PUT /v1/images/${sha256})`;
        throw new HostAgentError('conflict', message, { cause: error });
      });
    }
  }

  /**
   * Takes an image; `bytes` is its size where that is known beforehand. Throws HostAgentError: `invalid` where the bytes
   * are others than their name says, `failed` where they end early or find no room.
   */
  async store(sha256: string, body: AsyncIterable<Uint8Array>, bytes: number | null): Promise<void> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o711 });
    await this.#makeRoom(sha256, bytes ?? 0);
    this.#number += 1;
    const path = this.#path(`.${sha256}.${this.#number}`);
    try {
      const found = await write(path, body);
      if (found.bytes !== (bytes ?? found.bytes)) {
        throw new HostAgentError('failed', `image ${sha256}: expected ${bytes} bytes, and ${found.bytes} came`);
      }
      if (found.sha256 !== sha256) {
        throw new HostAgentError('invalid', `image ${sha256}: expected bytes of that SHA-256, not of ${found.sha256}`);
      }
      await realFiles.rename(path, this.#path(sha256));
    } catch (error) {
      await rm(path, { force: true });
      if (error instanceof HostAgentError) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      throw new HostAgentError('failed', `image ${sha256}: it did not arrive whole`, { cause: error, detail });
    }
  }

  /** Removes images that no machine has, those first that were used longest ago, until there is room. */
  async #makeRoom(sha256: string, bytes: number): Promise<void> {
    const { directory, freeBytes, log, now, used } = this.#options;
    const wanted = bytes + reserveBytes;
    if ((await freeBytes(directory)) >= wanted) return;
    const inUse = used();
    const idle = (await this.list()).filter((image) => !inUse.has(image.sha256));
    const dated = await Promise.all(
      idle.map(async (image) => ({ ...image, at: (await stat(this.#path(image.sha256))).mtimeMs })),
    );
    for (const image of dated.filter(({ at }) => at < now() - recentMs).sort((a, b) => a.at - b.at)) {
      log.warn('an image that nothing uses is removed, since room is short', { sha256: image.sha256 });
      await rm(this.#path(image.sha256), { force: true });
      if ((await freeBytes(directory)) >= wanted) return;
    }
    const free = await freeBytes(directory);
    if (free >= wanted) return;
    throw new HostAgentError('failed', `image ${sha256}: expected ${wanted} bytes free in ${directory}, found ${free}`);
  }

  async #names(): Promise<string[]> {
    await mkdir(this.#options.directory, { recursive: true, mode: 0o711 });
    return readdir(this.#options.directory);
  }

  #path(name: string): string {
    return `${this.#options.directory}/${name}`;
  }
}

/** Writes and syncs a new file, and answers with what came. */
async function write(path: string, body: AsyncIterable<Uint8Array>): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  // QEMU reads it without privileges.
  const file = await open(path, 'wx', 0o644);
  try {
    for await (const chunk of body) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), bytes };
}
