// Brings the machine to where Isthmus runs: npm packages, Debian packages, the pages for browsers. Does nothing, fast, where
// they are there.
import { installDebianPackages } from './debian-packages.mjs';
import { installNpmPackages } from './npm-packages.mjs';
import { SetupError } from './repository.mjs';
import { ensureWeb } from './web.mjs';

/**
 * Installs what is missing.
 * @param {readonly import('./debian-packages.mjs').Group[]} groups of Debian packages
 */
export async function install(groups) {
  if (process.platform !== 'linux') {
    throw new SetupError(`Isthmus needs Linux (network namespaces); this is ${process.platform}.`);
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(
      'Isthmus makes network namespaces and bridges, which only root may. Run the same command as root.',
    );
  }
  if (process.stdout.isTTY) {
    await installDebianPackages(groups);
    await installNpmPackages();
    return;
  }
  // Nobody is asked, and no line is written over: both at once.
  const ends = await Promise.allSettled([installDebianPackages(groups), installNpmPackages()]);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  await ensureWeb();
}
