// Disks of VMs brought to the hosts that need them: what a host's cache lacks is checked and streamed there, once.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { CachedImages, Image } from '@isthmus/contract';
import { fileOfKind, type ImageManifest, manifestBytes, parseManifest } from '@isthmus/image-manifest';
import { ApiError, parameterError } from '../model/api-error.ts';
import { DiskRefusedError } from '../model/qcow2.ts';
import type { Db } from '../store/database.ts';
import { FileDigests } from '../store/file-digests.ts';
import type { ImageStore } from '../store/image.ts';
import { ImageRefusedError, type VerifiedFile } from '../store/image-folder.ts';
import type { Log } from '../store/log.ts';
import type { TemplateDisks } from '../store/template-disk.ts';

/** Registers what lies in the folder of images, and says in the log which are refused. */
export async function registerImages(images: ImageStore, log: Log): Promise<void> {
  for (const outcome of await images.register()) {
    if (outcome.state === 'refused') log.error('an image is refused', { reason: outcome.error.message });
  }
}

/** Reads a disk's header (Orchestration.inspectTemplateDisk). */
export async function inspectTemplateDisk(disks: TemplateDisks, path: string): Promise<{ virtualBytes: number }> {
  try {
    return await disks.inspect(path);
  } catch (error) {
    if (error instanceof DiskRefusedError)
      throw parameterError('url', `file://${path}`, `a disk that can be taken: ${error.message}`, error);
    throw error;
  }
}

/** What is asked of a host agent's client. */
export interface ImageHost {
  images(): Promise<CachedImages>;
  /** Streams `length` bytes; the host agent checks their SHA-256. */
  putImage(sha256: string, source: Readable, length: number): Promise<unknown>;
}

/** An image on a host: what its spec names, and what a VM of it needs at least. */
export interface PlacedImage {
  readonly image: Image;
  readonly requirements: ImageManifest['requirements'];
}

/** What is being brought to a host, by the disk's hash: of VMs that start there at once the first uploads for all. */
const underWay = new WeakMap<ImageHost, Map<string, Promise<void>>>();

/** Brings those of `wanted` (hashes, the disk's first) that a host lacks; `open` answers with the files, checked. */
async function bring(
  client: ImageHost,
  wanted: readonly [disk: string, ...others: string[]],
  open: () => Promise<readonly VerifiedFile[]>,
): Promise<void> {
  const shared = underWay.get(client) ?? new Map<string, Promise<void>>();
  underWay.set(client, shared);
  const key = wanted.join(' ');
  const work = shared.get(key) ?? uploadMissing(client, wanted, open).finally(() => shared.delete(key));
  shared.set(key, work);
  return work;
}

async function uploadMissing(
  client: ImageHost,
  wanted: readonly string[],
  open: () => Promise<readonly VerifiedFile[]>,
) {
  const present = new Set((await client.images()).map(({ sha256 }) => sha256));
  const missing = new Set(wanted.filter((sha256) => !present.has(sha256)));
  if (missing.size === 0) return;
  for (const { sha256, path, bytes } of await open()) {
    if (!missing.has(sha256)) continue;
    const source = createReadStream(path, { highWaterMark: 1024 * 1024 });
    try {
      await client.putImage(sha256, source, bytes);
    } finally {
      source.destroy();
    }
  }
}

/** What a spec says of an image, from its manifest alone. */
function imageOf(manifest: ImageManifest, diskSha256: string): Image {
  const [kernel, initrd] = [fileOfKind(manifest, 'kernel'), fileOfKind(manifest, 'initrd')];
  if (kernel === undefined || initrd === undefined) return { sha256: diskSha256, format: 'qcow2' };
  const commandLine = manifest.kernelCommandLine;
  return {
    sha256: diskSha256,
    format: 'qcow2',
    kernel: { kernel: kernel.sha256, initrd: initrd.sha256, commandLine },
  };
}

/**
 * Sees to it that a host has the files of a registered image. What it has already was checked when it came and is known
 * by its hash; the rest is verified again and streamed. Throws 534 where the image is refused, and what the client throws.
 */
export async function ensureImageOnHost(client: ImageHost, images: ImageStore, imageId: string): Promise<PlacedImage> {
  const row = await images.row(imageId);
  const manifest = parseManifest(manifestBytes(row.manifest as ImageManifest));
  const image = imageOf(manifest, row.disk_sha256);
  const boot = image.kernel === undefined ? [] : [image.kernel.kernel, image.kernel.initrd];
  await bring(client, [image.sha256, ...boot], async () => {
    const { disk, kernel, initrd } = await verified(images, imageId);
    return [disk, kernel, initrd].filter((file) => file !== null);
  });
  return { image, requirements: manifest.requirements };
}

async function verified(images: ImageStore, imageId: string): ReturnType<ImageStore['verified']> {
  try {
    return await images.verified(imageId);
  } catch (error) {
    if (error instanceof ImageRefusedError) {
      throw new ApiError('resourceUnavailable', error.message, { cause: error });
    }
    throw error;
  }
}

const templateDigests = new FileDigests();

/** `ensureImageOnHost` for a template's disk, whichever it is. Throws 534 for a built-in template, which has none. */
export async function ensureTemplateOnHost(
  client: ImageHost,
  { db, images }: { readonly db: Db; readonly images: ImageStore },
  templateId: string,
): Promise<PlacedImage> {
  const template = await db.selectFrom('template').selectAll().where('id', '=', templateId).executeTakeFirst();
  if (template === undefined) throw new ApiError('resourceUnavailable', `template ${templateId} is gone`);
  if (template.image_id !== null) return ensureImageOnHost(client, images, template.image_id);
  const { file_path: path, disk_sha256: sha256, name } = template;
  if (path === null || sha256 === null || template.state !== 'Ready') {
    const reason = template.reason ?? `it is in state ${template.state}`;
    throw new ApiError('resourceUnavailable', `template ${name} has no disk to deploy: ${reason}`);
  }
  await bring(client, [sha256], async () => {
    const digest = await templateDigests.of(path).catch((error) => {
      throw new ApiError('resourceUnavailable', `the disk of template ${name} cannot be read`, { cause: error });
    });
    if (digest !== sha256) {
      throw new ApiError('resourceUnavailable', `the disk of template ${name} was changed since it was registered`);
    }
    return [{ path, sha256, bytes: (await stat(path)).size }];
  });
  return { image: { sha256, format: 'qcow2' }, requirements: { cpus: 1, memoryBytes: 16 * 1024 * 1024 } };
}
