// Images of VMs that npm start and the tests need: built where there are none of this release.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pinnedNode, root, run, SetupError } from './repository.mjs';

/**
 * Builds those of `roles` that are missing. Where one lies that is not as its manifest says, the orchestrator refuses it.
 * @param {readonly string[]} roles
 */
export async function ensureImages(roles) {
  for (const role of roles) {
    if (isThere(role)) continue;
    const code = await run(pinnedNode, ['packer/src/main.ts', role]);
    if (code !== 0) throw new SetupError(`the image ${role} could not be built`);
  }
}

/** @param {string} role */
function isThere(role) {
  const images = resolve(process.env.ISTHMUS_IMAGES ?? `${root}/dist/images`);
  try {
    const { version } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
    return JSON.parse(readFileSync(`${images}/${role}/manifest.json`, 'utf8')).version === version;
  } catch {
    return false;
  }
}
