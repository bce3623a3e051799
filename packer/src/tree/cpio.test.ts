import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import fc from 'fast-check';
import { cpioArchive, cpioOfTree } from './cpio.ts';

const { commands } = createHost({ log: silentLog });

test('busybox unpacks the archive of a tree to what it was', async (t) => {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-cpio-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const tree = `${folder}/tree`;
  await mkdir(`${tree}/etc`, { recursive: true });
  await chmod(`${tree}/etc`, 0o755);
  await writeFile(`${tree}/init`, '#!/bin/sh\n');
  await chmod(`${tree}/init`, 0o755);
  await writeFile(`${tree}/etc/odd`, 'xyz');
  await chmod(`${tree}/etc/odd`, 0o644);
  await symlink('init', `${tree}/link`);
  await writeFile(`${folder}/archive`, await cpioOfTree(tree, 1_700_000_000));
  await mkdir(`${folder}/out`);
  await commands.run('busybox', ['cpio', '-i', '-d', '-F', `${folder}/archive`], { cwd: `${folder}/out` });
  const list = ['-name', 'dev', '-o', '-printf', '%P %M %l %s\n'];
  const { stdout } = await commands.run('find', [`${folder}/out`, '-mindepth', '1', ...list]);
  t.deepEqual(stdout.trim().split('\n').sort(), [
    'dev/console crw-------  0',
    'dev/null crw-rw-rw-  0',
    'etc drwxr-xr-x  4096',
    'etc/odd -rw-r--r--  3',
    'init -rwxr-xr-x  10',
    'link lrwxrwxrwx init 4',
  ]);
});

test('an archive is a whole number of blocks, and its records begin on four bytes', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.stringMatching(/^[a-z]{1,20}$/), data: fc.uint8Array({ maxLength: 50 }) })),
      (files) => {
        const archive = cpioArchive(
          files.map(({ name, data }) => ({ name, data, type: 'file', mode: 0o644 })),
          0,
        );
        t.is(archive.length % 512, 0);
        for (let at = archive.indexOf('070701'); at !== -1; at = archive.indexOf('070701', at + 1)) t.is(at % 4, 0);
      },
    ),
  );
});
