// Images of VMs that npm start and the tests need: built where they are absent or of other sources than these.
import { pinnedNode, run, SetupError } from './repository.mjs';

/** What packer/src/main.ts ends with where no mirror has a version of the committed lock any more. */
const packageGone = 4;

/**
 * Builds those of `roles` that are absent or were built of something else. Where Debian has replaced a locked package by a
 * newer one, the packages of today are taken.
 * @param {readonly string[]} roles
 */
export async function ensureImages(roles) {
  const build = (/** @type {string[]} */ ...words) =>
    run(pinnedNode, ['packer/src/main.ts', ...roles, '--if-changed', ...words]);
  let code = await build();
  if (code === packageGone) {
    process.stdout.write("isthmus: the images are built of the packages that this machine's Debian mirror has today\n");
    code = await build('--lock', 'current');
  }
  if (code !== 0) throw new SetupError(`images (${roles.join(', ')}) could not be built: exit code ${code}`);
}
