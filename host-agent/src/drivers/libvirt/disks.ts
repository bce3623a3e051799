// Disks of VMs: qcow2 overlays over images of the host's cache, by qemu-img(1). Formats are always named: an image that
// is probed can claim to be another.
import type { Image } from '@isthmus/contract';
import { CommandError, type Host } from '@isthmus/host';
import { HostAgentError } from '../../errors.ts';

/** The image below an overlay: its absolute path and format. */
export interface BaseImage {
  readonly path: string;
  readonly format: Image['format'];
}

interface ImageInfo {
  readonly virtualBytes: number;
  readonly backing: string | null;
  readonly dataFile: string | null;
}

interface QemuImgInfo {
  readonly 'virtual-size'?: number;
  readonly 'backing-filename'?: string;
  readonly 'format-specific'?: { readonly data?: { readonly 'data-file'?: string } };
}

const createMs = 60_000;

/** `-U`: also of an image that a running VM holds. */
async function infoOf({ commands }: Host, path: string, format: string): Promise<ImageInfo> {
  const { stdout } = await commands.run('qemu-img', ['info', '-U', '-f', format, '--output=json', path]);
  const info = JSON.parse(stdout) as QemuImgInfo;
  return {
    virtualBytes: info['virtual-size'] ?? 0,
    backing: info['backing-filename'] ?? null,
    dataFile: info['format-specific']?.data?.['data-file'] ?? null,
  };
}

async function readBase(host: Host, { path, format }: BaseImage): Promise<ImageInfo> {
  const info = await infoOf(host, path, format).catch((error: unknown) => {
    throw new HostAgentError('failed', `image ${path}: expected a disk image in format ${format}`, { cause: error });
  });
  if (info.backing === null && info.dataFile === null) return info;
  throw new HostAgentError('invalid', `image ${path}: expected an image that refers to no other file`);
}

/**
 * Makes the overlay `path` where it is absent or lies over another image, and widens it to `sizeBytes` where it is
 * smaller. It is whole or not there. No VM may have it open. Throws HostAgentError where the image is unusable or the
 * disk is full.
 */
export async function ensureOverlay(host: Host, path: string, base: BaseImage, sizeBytes = 0): Promise<void> {
  const { commands, files } = host;
  if (!(await files.exists(base.path))) {
    throw new HostAgentError('conflict', `image ${base.path}: expected it in this host's cache`);
  }
  const size = Math.max(sizeBytes, (await readBase(host, base)).virtualBytes);
  try {
    const found = (await files.exists(path)) ? await infoOf(host, path, 'qcow2').catch(() => null) : null;
    // A QEMU that a guest has taken over can write its overlay's header, and qemu-img is root's.
    if (found?.backing !== base.path || found.dataFile !== null) {
      const fresh = `${path}.new`;
      await files.remove(fresh);
      const args = ['create', '-q', '-f', 'qcow2', '-F', base.format, '-b', base.path, fresh, String(size)];
      await commands.run('qemu-img', args, { timeoutMs: createMs });
      await commands.run('chmod', ['0600', fresh]);
      await files.rename(fresh, path);
    } else if (found.virtualBytes < size) {
      await commands.run('qemu-img', ['resize', '-q', '-f', 'qcow2', path, String(size)], { timeoutMs: createMs });
    }
  } catch (error) {
    await files.remove(`${path}.new`).catch(() => undefined);
    if (!(error instanceof CommandError)) throw error;
    const isFull = /No space left on device|Disk quota exceeded/.test(error.stderr);
    const message = isFull ? 'the disk of this host is full' : 'its overlay could not be made';
    throw new HostAgentError('failed', `disk ${path}: ${message}`, { cause: error, detail: error.stderr.trim() });
  }
}
