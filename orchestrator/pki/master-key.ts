// The installation's master key: a file beside the credentials, or the environment of orchestrators on many machines.
import { randomBytes } from 'node:crypto';
import { link, unlink, writeFile } from 'node:fs/promises';
import type { Files } from '@isthmus/host';
import { createSealer, type Sealer } from './sealer.ts';

const variable = 'ISTHMUS_MASTER_KEY';
const keyPattern = /^[A-Za-z0-9+/]{43}=$/;

export interface MasterKeyOptions {
  readonly files: Files;
  /** Absolute path of the key's file, such as `var/credentials/master.key`; its folder is there. */
  readonly path: string;
  /** ISTHMUS_MASTER_KEY, base64 of 32 bytes, goes before the file: orchestrators of one database share it. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

function keyOf(text: string, source: string): Buffer {
  if (!keyPattern.test(text)) throw new Error(`${source}: expected a master key, 32 bytes in base64 (44 characters)`);
  return Buffer.from(text, 'base64');
}

/** True where this call made the file; false where it was there. */
async function writeNew(path: string, text: string): Promise<boolean> {
  // Linked into place whole: of two orchestrators that start at once, both read the key of the first.
  const temporary = `${path}.${process.pid}-${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
}

/** The sealer of the installation; makes the key's file (0600) at the first start. Throws where the key is none. */
export async function openSealer({ files, path, env }: MasterKeyOptions): Promise<Sealer> {
  const given = env[variable];
  if (given !== undefined) return createSealer(keyOf(given.trim(), variable), variable);
  const known = await files.readTextIfExists(path);
  if (known === null) await writeNew(path, `${randomBytes(32).toString('base64')}\n`);
  return createSealer(keyOf((known ?? (await files.readText(path))).trim(), path), path);
}
