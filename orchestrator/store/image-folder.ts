// The folder of an image as it lies on disk, checked before anything of it is used.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fileOfKind,
  type ImageFile,
  type ImageFileKind,
  type ImageManifest,
  type ImageRole,
  verifyManifest,
} from '@isthmus/image-manifest';
import type { FileDigests } from './file-digests.ts';

/** An image that is not used, and why, for a person. */
export class ImageRefusedError extends Error {
  readonly role: ImageRole;

  constructor(role: ImageRole, directory: string, reason: string, cause?: unknown) {
    super(`image ${role} in ${directory} is refused: ${reason}`, { cause });
    this.name = 'ImageRefusedError';
    this.role = role;
  }
}

/** A file of an image whose content is known to be what was signed. */
export interface VerifiedFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * An image that may be used. `kernel` and `initrd` are both there or both null: without them a VM boots by firmware.
 * `bundle`: the agent in it as one file; null where the image has none.
 */
export interface VerifiedImage {
  readonly manifest: ImageManifest;
  readonly disk: VerifiedFile;
  readonly kernel: VerifiedFile | null;
  readonly initrd: VerifiedFile | null;
  readonly bundle: VerifiedFile | null;
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

async function contentIfExists(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** The public keys (PEM) of `<keys>/trusted/`; none where there is no such folder. */
export async function trustedKeys(keys: string): Promise<string[]> {
  const folder = join(keys, 'trusted');
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.pem')).sort();
    return await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

async function verifiedFile(directory: string, file: ImageFile, digests: FileDigests): Promise<VerifiedFile> {
  const { name, sha256, bytes } = file;
  const path = join(directory, name);
  const found = await stat(path).catch((error) => {
    if (isAbsent(error)) throw new Error(`${name} is missing`, { cause: error });
    throw error;
  });
  if (!found.isFile()) throw new Error(`${name} is no regular file`);
  if (found.size !== bytes) throw new Error(`${name} has ${found.size} bytes, the manifest says ${bytes}`);
  const digest = await digests.of(path);
  if (digest !== sha256) throw new Error(`${name} has SHA-256 ${digest}, the manifest says ${sha256}`);
  return { path, sha256, bytes };
}

/**
 * The image in `directory`; null where there is none. Its manifest is signed by a trusted key, and the files that hosts
 * take (qcow2 disk, kernel, initrd) are those of the manifest. Throws ImageRefusedError otherwise.
 */
export async function readImageFolder(
  role: ImageRole,
  directory: string,
  { trusted, digests }: { readonly trusted: readonly string[]; readonly digests: FileDigests },
): Promise<VerifiedImage | null> {
  const path = join(directory, 'manifest.json');
  const bytes = await contentIfExists(path);
  if (bytes === null) return null;
  try {
    const signature = await contentIfExists(`${path}.sig`);
    const manifest = verifyManifest(bytes, signature?.toString('latin1') ?? null, trusted);
    if (manifest.role !== role) throw new Error(`it is the image of role ${manifest.role}`);
    const optional = async (kind: ImageFileKind) => {
      const file = fileOfKind(manifest, kind);
      return file === undefined ? null : verifiedFile(directory, file, digests);
    };
    const disk = await optional('qcow2');
    if (disk === null) throw new Error('it has no qcow2 disk; build it with --format raw,qcow2');
    const [kernel, initrd] = [await optional('kernel'), await optional('initrd')];
    if ((kernel === null) !== (initrd === null)) throw new Error('it has one of kernel and initrd, and not the other');
    return { manifest, disk, kernel, initrd, bundle: await optional('bundle') };
  } catch (error) {
    throw new ImageRefusedError(role, directory, error instanceof Error ? error.message : String(error), error);
  }
}
