import { lstat, readdir, readlink } from 'node:fs/promises';

/** Something in a tree. `path` begins with `/`; `mode` has the permission bits with setuid, setgid and sticky. */
export type TreeEntry =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly bytes: number }
  | { readonly kind: 'link'; readonly path: string; readonly mode: number; readonly target: string };

/** All below `root`, folders before what is in them, by name in code-unit order. Devices and sockets throw. */
export async function walkTree(root: string, folder = ''): Promise<TreeEntry[]> {
  const names = (await readdir(`${root}${folder}`)).sort();
  const entries: TreeEntry[] = [];
  for (const name of names) {
    const path = `${folder}/${name}`;
    const status = await lstat(`${root}${path}`);
    const mode = status.mode & 0o7777;
    if (status.isDirectory()) entries.push({ kind: 'folder', path, mode }, ...(await walkTree(root, path)));
    else if (status.isFile()) entries.push({ kind: 'file', path, mode, bytes: status.size });
    else if (status.isSymbolicLink()) entries.push({ kind: 'link', path, mode, target: await readlink(root + path) });
    else throw new Error(`${path}: expected a file, a folder or a symbolic link`);
  }
  return entries;
}
