// The key that signs images. It is the builder's own: made at the first build, and never leaves its folder.
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageKeyId } from '@isthmus/image-manifest';

/** `privatePem`: PKCS#8. `publicPem`: SPKI. `keyId` as in the signatures. */
export interface SigningKey {
  readonly privatePem: string;
  readonly publicPem: string;
  readonly keyId: string;
}

async function makePrivateKey(directory: string, path: string): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const temporary = join(directory, `.private-${crypto.randomUUID()}.pem`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await file.sync();
    // A link and not a rename: of two first builds at once, both then sign with the key of the first.
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await file.close();
    await rm(temporary, { force: true });
  }
}

async function readPrivateKey(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/**
 * The signing key in `directory`/private.pem (mode 0600), made where there is none; its public half is put into
 * `directory`/trusted/, so that the orchestrator of this checkout trusts what was built here. Throws where the key's file
 * is open to others, or holds no Ed25519 key.
 */
export async function openSigningKey(directory: string): Promise<SigningKey> {
  const path = join(directory, 'private.pem');
  await mkdir(join(directory, 'trusted'), { recursive: true });
  if ((await readPrivateKey(path)) === null) await makePrivateKey(directory, path);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new Error(`${path}: mode ${(mode & 0o777).toString(8)} opens the signing key to others: chmod 600 is needed`);
  }
  const privatePem = await readFile(path, 'utf8');
  const keyId = imageKeyId(privatePem);
  const publicPem = createPublicKey(createPrivateKey(privatePem)).export({ type: 'spki', format: 'pem' }).toString();
  await writeFile(join(directory, 'trusted', `${keyId.slice(0, 16)}.pem`), publicPem);
  return { privatePem, publicPem, keyId };
}
