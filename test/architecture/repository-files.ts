// The files of this checkout, as the architecture tests read them.
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout, without a trailing slash. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** Folders that hold no work of ours: installed, generated, or a running installation's data. */
const foreign = new Set(['node_modules', '.git', 'coverage', 'var', 'results', '.cache', 'dist']);

/** Paths, from the root, of every file of ours that this accepts; sorted. */
export async function filesOf(accepts: (path: string) => boolean): Promise<string[]> {
  const found: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!foreign.has(entry.name)) await walk(path);
      } else if (entry.isFile() && accepts(relative(root, path))) found.push(relative(root, path));
    }
  };
  await walk(root);
  return found.sort();
}

/** Text of a file of the checkout, by its path from the root. */
export async function textOf(path: string): Promise<string> {
  return await readFile(join(root, path), 'utf8');
}
