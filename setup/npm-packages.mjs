// npm packages: whether node_modules is what the lock file says, and npm install where it is not.
import { existsSync, readFileSync } from 'node:fs';
import { pinnedNode, root, run, SetupError } from './repository.mjs';

/** @typedef {{ packages: Record<string, { version?: string, integrity?: string, optional?: boolean, link?: boolean }> }} LockFile */

/** Makes node_modules what package-lock.json says. Costs two file reads where it already is. */
export async function installNpmPackages() {
  if (npmPackagesAreInstalled()) return;
  process.stdout.write('isthmus: installing npm packages\n');
  // Not npm ci: it refuses a lock file without the binaries of other platforms, which not every registry carries.
  // This installs the same versions by the same checksums and leaves the lock file as it is.
  const code = await run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']);
  if (code !== 0) {
    throw new SetupError(
      `npm install ended with ${code}; its own words stand above. Isthmus needs a package registry that npm reaches once.`,
    );
  }
  if (!existsSync(pinnedNode)) {
    throw new SetupError(`npm install left no ${pinnedNode}; Isthmus runs on Linux on x86-64 only.`);
  }
}

/** npm notes in node_modules/.package-lock.json what it installed, as its last step. */
function npmPackagesAreInstalled() {
  const note = `${root}/node_modules/.package-lock.json`;
  if (!existsSync(note) || !existsSync(pinnedNode)) return false;
  const wanted = packagesOf(`${root}/package-lock.json`);
  const installed = packagesOf(note);
  return Object.entries(wanted).every(([path, entry]) => {
    if (!path.startsWith('node_modules/')) return true;
    const found = installed[path];
    if (found === undefined) return entry.optional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

/** @param {string} path of a lock file */
function packagesOf(path) {
  /** @type {LockFile} */
  const lock = JSON.parse(readFileSync(path, 'utf8'));
  return lock.packages;
}
