// Whether an image has to be built at all.
import { createPublicKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Files } from '@isthmus/host';
import { type ImageManifest, ImageManifestError, verifyManifest } from '@isthmus/image-manifest';
import type { BuildRequest } from './build-request.ts';
import { readInputs, sha256Of } from './inputs.ts';

/** The manifest in `folder`, where it is signed by the builder's own key; null otherwise. */
async function ownManifest(folder: string, keys: string): Promise<ImageManifest | null> {
  try {
    const [bytes, signature, privatePem] = await Promise.all([
      readFile(`${folder}/manifest.json`),
      readFile(`${folder}/manifest.json.sig`, 'utf8'),
      readFile(`${keys}/private.pem`, 'utf8'),
    ]);
    return verifyManifest(bytes, signature, [
      createPublicKey(privatePem).export({ type: 'spki', format: 'pem' }).toString(),
    ]);
  } catch (error) {
    if (error instanceof ImageManifestError || (error instanceof Error && 'code' in error)) return null;
    throw error;
  }
}

/** True where each file of the manifest lies in `folder` with its size. Whoever uses an image checks the hashes. */
async function filesAreThere(folder: string, { files }: ImageManifest): Promise<boolean> {
  const sizes = await Promise.all(files.map(({ name }) => stat(`${folder}/${name}`).catch(() => null)));
  return sizes.every((found, index) => found?.size === files[index]?.bytes);
}

/**
 * True where the image that lies there is what this request would build: signed by the same key, with every format asked
 * for, of the same inputs. Of the committed lock it may differ where that could not be had (`--lock current`); a lock
 * that the request brings has to be the image's own. Takes about a second.
 */
export async function isUnchanged(files: Files, request: BuildRequest): Promise<boolean> {
  const folder = `${request.images}/${request.manifest.role}`;
  const manifest = await ownManifest(folder, request.keys);
  if (manifest === null || !(await filesAreThere(folder, manifest))) return false;
  const kinds = new Set<string>(manifest.files.map(({ kind }) => kind));
  if (!request.formats.every((format) => kinds.has(format))) return false;
  if (request.lockText !== null && manifest.lockSha256 !== sha256Of(request.lockText)) return false;
  return manifest.inputsSha256 === (await readInputs(files, request)).inputsSha256;
}
