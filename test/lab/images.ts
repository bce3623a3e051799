// The images that clouds of VMs boot: of this checkout, as it is now.

import { createHost, silentLog } from '@isthmus/host';

const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');
const buildMs = 30 * 60_000;

/** Where images lie, and the keys that they are signed with. */
export const imageFolder = process.env.ISTHMUS_IMAGES ?? `${checkout}/dist/images`;
export const imageKeyFolder = process.env.ISTHMUS_IMAGE_KEYS ?? `${checkout}/var/image-keys`;

/**
 * Resolves when the images of these roles are there and of this checkout, which takes a second where they are (npm test
 * builds them first) and a minute or two where not. Throws CommandError where a build fails.
 */
export async function ensureImages(
  roles: readonly ('router' | 'console-proxy' | 'guest')[] = ['router', 'guest'],
): Promise<void> {
  const { commands } = createHost({ log: silentLog });
  const env = { ISTHMUS_IMAGES: imageFolder, ISTHMUS_IMAGE_KEYS: imageKeyFolder };
  const words = [`${checkout}/packer/src/main.ts`, ...roles, '--if-changed'];
  await commands.run(process.execPath, words, { cwd: checkout, env, timeoutMs: buildMs });
}
