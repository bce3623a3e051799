// Signed image folders for tests. Tests alone import this.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ImageFileKind,
  type ImageManifest,
  type ImageRole,
  manifestBytes,
  signManifest,
} from '@isthmus/image-manifest';
import type { ImageFolders } from './image.ts';

/** Folders of images with a key that is trusted, below /tmp. */
export interface ImageFixture extends ImageFolders {
  /** Writes and signs an image whose files hold these texts. */
  build(role: ImageRole, contents: Partial<Record<ImageFileKind, string>>, version?: string): Promise<ImageManifest>;
  remove(): Promise<void>;
}

export async function openImageFixture(): Promise<ImageFixture> {
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-images-'));
  const [images, keys] = [join(directory, 'images'), join(directory, 'keys')];
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const privatePem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await mkdir(join(keys, 'trusted'), { recursive: true });
  await writeFile(join(keys, 'trusted', 'builder.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
  return {
    images,
    keys,
    build: async (role, contents, version = '0.1.0') => {
      const folder = join(images, role);
      await mkdir(folder, { recursive: true });
      const files = Object.entries(contents).map(([kind, content]) => ({
        kind: kind as ImageFileKind,
        name: `${role}.${kind}`,
        bytes: Buffer.byteLength(content),
        sha256: createHash('sha256').update(content).digest('hex'),
        content,
      }));
      for (const { name, content } of files) await writeFile(join(folder, name), content);
      const manifest: ImageManifest = {
        schema: 1,
        role,
        version,
        architecture: 'amd64',
        debian: 'bookworm',
        sourceDateEpoch: 1_700_000_000,
        debug: false,
        lockSha256: 'a'.repeat(64),
        kernelCommandLine: 'console=ttyS0',
        requirements: { cpus: 1, memoryBytes: 67_108_864 },
        disk: { virtualBytes: 1_048_576 },
        files: files.map(({ kind, name, bytes, sha256 }) => ({ kind, name, bytes, sha256 })),
      };
      const bytes = manifestBytes(manifest);
      await writeFile(join(folder, 'manifest.json'), bytes);
      await writeFile(join(folder, 'manifest.json.sig'), signManifest(bytes, privatePem));
      return manifest;
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}
