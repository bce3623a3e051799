// The root that shells of instances see: busybox, and ping(8) of iputils, which needs no privilege where busybox's does; what
// they are linked with, and a handful of files. Nobody writes to it.
import { createHash } from 'node:crypto';
import type { Host } from '@isthmus/host';

/** Files of the root by their paths in it. */
const files: Readonly<Record<string, string>> = {
  'etc/passwd': 'guest:x:1000:1000:guest:/home:/bin/sh\n',
  'etc/group': 'guest:x:1000:\n',
  'etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
  'etc/nsswitch.conf': 'hosts: files dns\n',
  // busybox ash(1) reads it at the start of each interactive shell.
  'etc/shell': "PS1='\\h:\\w$ '\n",
};
/** What is mounted over. */
const directories = ['bin', 'dev', 'etc/network', 'home', 'proc', 'usr/bin'];

/** The absolute paths in the text of ldd(1). */
function pathsIn(text: string): string[] {
  return text.split('\n').flatMap((line) => /(?:=> |^\s+)(\/\S+)/.exec(line)?.[1] ?? []);
}

/** Makes the root below the directory `shared`, of the programs that this host has now, and answers with its path. */
export async function installShellRoot({ commands, files: disk }: Host, shared: string): Promise<string> {
  const { stdout: found } = await commands.run('readlink', ['-f', '/bin/busybox', '/bin/ping']);
  const [busybox = '', ping = ''] = found.trim().split('\n');
  // A program that is linked with nothing is answered with 1.
  const libraries = pathsIn((await commands.run('ldd', [busybox, ping], { okCodes: [0, 1] })).stdout);
  const programs = [...new Set([busybox, ping, ...libraries])];
  const { stdout: sums } = await commands.run('sha256sum', programs);
  const stamp = createHash('sha256').update(sums).update(JSON.stringify(files)).digest('hex').slice(0, 16);
  const root = `${shared}/shell-${stamp}`;
  if (await disk.exists(root)) return root;
  const unfinished = `${root}.new`;
  await disk.remove(unfinished);
  for (const path of directories) await disk.makeDirectory(`${unfinished}/${path}`);
  for (const [path, text] of Object.entries(files)) await disk.writeText(`${unfinished}/${path}`, text);
  await commands.run('ln', ['-s', 'network/resolv.conf', `${unfinished}/etc/resolv.conf`]);
  await commands.run('cp', ['--dereference', '--parents', ...programs, unfinished]);
  await commands.run(busybox, ['--install', '-s', `${unfinished}/bin`]);
  await commands.run('ln', ['-sf', busybox, ping, `${unfinished}/bin`]);
  await disk.rename(unfinished, root);
  return root;
}
