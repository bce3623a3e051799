import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ImageFile,
  type ImageFileKind,
  type ImageManifest,
  manifestBytes,
  signManifest,
} from '@isthmus/image-manifest';
import { fileDigest } from './file-digest.ts';
import type { SigningKey } from './signing-key.ts';

/** What the build knows of an image besides its files. */
export type ImageFacts = Omit<ImageManifest, 'schema' | 'debian' | 'files'>;

/** Names of an image's files in its folder, by kind. */
export type ImageFileNames = Readonly<Partial<Record<ImageFileKind, string>>>;

async function replace(path: string, content: string | Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

/**
 * Writes what makes the files of `directory` an image that can be trusted: `manifest.json`, `manifest.json.sig` and
 * `SHA256SUMS` (as `sha256sum --check` reads it, the manifest included). Answers with the manifest. Deterministic in
 * facts, files and key. The folder is not to be read by others before it returns: build beside it and rename.
 */
export async function signImage(
  directory: string,
  facts: ImageFacts,
  names: ImageFileNames,
  key: SigningKey,
): Promise<ImageManifest> {
  const files: ImageFile[] = [];
  for (const [kind, name] of Object.entries(names) as [ImageFileKind, string][]) {
    files.push({ name, kind, ...(await fileDigest(join(directory, name))) });
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1));
  const manifest: ImageManifest = { schema: 1, debian: 'bookworm', ...facts, files };
  const path = join(directory, 'manifest.json');
  const bytes = manifestBytes(manifest);
  await replace(path, bytes);
  await replace(`${path}.sig`, signManifest(bytes, key.privatePem));
  const sums = [...files, { name: 'manifest.json', sha256: (await fileDigest(path)).sha256 }];
  await replace(join(directory, 'SHA256SUMS'), sums.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(''));
  return manifest;
}
