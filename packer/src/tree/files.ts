import { chmod, lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { appliancesFolder, type ImageText } from '@isthmus/appliances';
import { walkTree } from './walk.ts';

/** Makes a folder below `root` and those above it, with a mode that does not depend on whoever builds. */
async function makeFolder(root: string, path: string): Promise<void> {
  const first = await mkdir(root + path, { recursive: true });
  for (let made = root + path; first !== undefined && made.length >= first.length; made = dirname(made)) {
    await chmod(made, 0o755);
  }
}

/**
 * Gives everything below `root` one of two modes: 0755 for folders and for what root may execute, 0644 for the rest. No
 * setuid or setgid bit stays: only root starts programs in an image.
 */
export async function normaliseModes(root: string): Promise<void> {
  for (const { kind, path, mode } of await walkTree(root)) {
    if (kind === 'link') continue;
    const wanted = kind === 'folder' || (mode & 0o100) !== 0 ? 0o755 : 0o644;
    if (mode !== wanted) await chmod(root + path, wanted);
  }
}

/** Writes files of a manifest below `root`, in place of what is there. */
export async function writeImageFiles(root: string, files: readonly ImageText[]): Promise<void> {
  for (const file of files) {
    const path = root + file.path;
    const text = 'text' in file ? file.text : await readFile(appliancesFolder + file.asset, 'utf8');
    await makeFolder(root, dirname(file.path));
    await rm(path, { force: true });
    await writeFile(path, text);
    await chmod(path, file.mode ?? 0o644);
  }
}

/** True where something is at `path`, also a link to nothing. */
export async function isThere(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null)) !== null;
}

/** A symbolic link, in place of what is there. */
export async function writeLink(path: string, target: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { recursive: true, force: true });
  await symlink(target, path);
}
