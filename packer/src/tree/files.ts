import { chmod, lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { appliancesFolder, type ImageText } from '@isthmus/appliances';

/** Writes files of a manifest below `root`, in place of what is there. */
export async function writeImageFiles(root: string, files: readonly ImageText[]): Promise<void> {
  for (const file of files) {
    const path = root + file.path;
    const text = 'text' in file ? file.text : await readFile(appliancesFolder + file.asset, 'utf8');
    await mkdir(dirname(path), { recursive: true });
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
