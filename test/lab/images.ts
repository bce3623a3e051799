// The images that clouds of VMs boot, built where they are absent or older than what they are made of.

import { readdir, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createHost, silentLog } from '@isthmus/host';
import { waitFor } from './clients.ts';

const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const roles = ['router', 'guest'] as const;
/** What is in an image: when any of it changes, the image is of yesterday. */
const sources = ['appliances', 'packer/src', 'services', 'templates', 'packages', 'package-lock.json'];
const notInside = /(^|\/)(node_modules|golden)(\/|$)|\.test\.ts$|-fixture\.ts$/;
const buildMs = 15 * 60_000;

/** Where images lie, and the keys that they are signed with. */
export const imageFolder = process.env.ISTHMUS_IMAGES ?? `${checkout}/dist/images`;
export const imageKeyFolder = process.env.ISTHMUS_IMAGE_KEYS ?? `${checkout}/var/image-keys`;

async function newest(path: string): Promise<number> {
  const { mtimeMs } = await stat(path);
  if (!(await stat(path)).isDirectory()) return mtimeMs;
  const names = (await readdir(path)).filter((name) => !notInside.test(name));
  return Math.max(0, ...(await Promise.all(names.map((name) => newest(join(path, name))))));
}

/** Roles whose image is absent or older than what it is made of. */
async function staleRoles(): Promise<(typeof roles)[number][]> {
  const changed = Math.max(...(await Promise.all(sources.map((source) => newest(join(checkout, source))))));
  const built = await Promise.all(
    roles.map(async (role) => (await stat(`${imageFolder}/${role}/manifest.json.sig`).catch(() => null))?.mtimeMs ?? 0),
  );
  return roles.filter((_, index) => (built[index] ?? 0) <= changed);
}

/** Holds the name until `work` has ended, against all others of this machine. */
async function alone(name: string, work: () => Promise<void>): Promise<void> {
  const claim = () =>
    new Promise<(() => void) | null>((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(null));
      server.listen(`\0${name}`, () => resolve(() => server.close()));
    });
  const release = await waitFor('another build of images', claim, buildMs);
  try {
    await work();
  } finally {
    release();
  }
}

/** Resolves when the images of routers and guests are there and of this checkout. A build takes a minute or two. */
export async function ensureImages(): Promise<void> {
  if ((await staleRoles()).length === 0) return;
  await alone(`isthmus-images-of-${checkout}`, async () => {
    const { commands } = createHost({ log: silentLog });
    const env = { ISTHMUS_IMAGES: imageFolder, ISTHMUS_IMAGE_KEYS: imageKeyFolder };
    for (const role of await staleRoles()) {
      const words = [`${checkout}/packer/src/main.ts`, role];
      await commands.run(process.execPath, words, { cwd: checkout, env, timeoutMs: buildMs });
    }
  });
}
