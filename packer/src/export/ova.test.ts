import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { writeOva } from './ova.ts';
import { ovfText } from './ovf.ts';
import { tarHeader } from './tar.ts';

const { commands } = createHost({ log: silentLog });
const machine = {
  name: 'isthmus-router',
  about: 'DHCP, DNS & "NAT" <of> a network',
  version: '0.1.0',
  cpus: 1,
  memoryBytes: 256 * 1024 * 1024,
  virtualBytes: 761_266_176,
  populatedBytes: 300_000_000,
  networks: ['guest', 'control', 'public'],
};

test('the descriptor of a router is the golden one', async (t) => {
  const path = new URL('./golden/router.ovf', import.meta.url);
  const text = ovfText({ ...machine, diskFile: 'isthmus-router-disk0.vmdk', diskBytes: 90_000_000 });
  if (process.env.UPDATE_GOLDEN === '1') await writeFile(path, text);
  t.is(text, await readFile(path, 'utf8'));
});

test('tar reads an OVA: the descriptor first, then the hashes, which are right, then the disk', async (t) => {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-ova-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await writeFile(`${folder}/disk`, 'not a whole block');
  await writeOva(`${folder}/a.ova`, `${folder}/disk`, machine, 1_700_000_000);
  const { stdout } = await commands.run('tar', ['tvf', `${folder}/a.ova`, '--utc']);
  const names = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(/ +/).at(-1));
  t.deepEqual(names, ['isthmus-router.ovf', 'isthmus-router.mf', 'isthmus-router-disk0.vmdk']);
  t.true(stdout.includes('2023-11-14 22:13'));
  await commands.run('tar', ['xf', `${folder}/a.ova`, '-C', folder]);
  const manifest = await readFile(`${folder}/isthmus-router.mf`, 'utf8');
  const sums = manifest.replaceAll(/^SHA256\((.*)\)= (.*)$/gm, '$2  $1');
  await t.notThrowsAsync(commands.run('sha256sum', ['--check', '--strict', '-'], { input: sums, cwd: folder }));
});

test('a name that ustar cannot hold is refused', (t) => {
  t.throws(() => tarHeader('a'.repeat(101), 1, 0), { message: /at most 100 bytes/ });
});
