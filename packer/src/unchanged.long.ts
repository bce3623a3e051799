// When an image is built anew, and when it is left as it is: by the program, on the smallest image.
import { cp, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { appliances } from '@isthmus/appliances';
import { CommandError, createHost, silentLog } from '@isthmus/host';
import { parseManifest } from '@isthmus/image-manifest';
import test from 'ava';
import type { BuildRequest } from './build-request.ts';
import { availableLock } from './debian/available-lock.ts';
import { readLock } from './debian/lock.ts';
import { sha256Of } from './inputs.ts';
import { isUnchanged } from './unchanged.ts';

const host = createHost({ log: silentLog });
const cache = '/var/cache/isthmus/debs';
const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

async function temporaryFolder(t: { teardown(action: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-unchanged-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** npm run image -- guest … into `folder`; answers with what it printed. */
async function imageProgram(folder: string, ...words: readonly string[]): Promise<string> {
  const args = [`${checkout}/packer/src/main.ts`, 'guest', '--output', `${folder}/images`, ...words];
  const env = { ISTHMUS_IMAGE_KEYS: `${folder}/keys` };
  return (await host.commands.run(process.execPath, args, { cwd: checkout, env, timeoutMs: 180_000 })).stdout;
}

async function requestIn(folder: string): Promise<BuildRequest> {
  const { version } = JSON.parse(await readFile(`${checkout}/package.json`, 'utf8')) as { version: string };
  return {
    manifest: appliances.guest,
    architecture: 'amd64',
    formats: [],
    version,
    checkout,
    cache,
    images: `${folder}/images`,
    keys: `${folder}/keys`,
    debugKey: null,
    lockText: await availableLock(host, appliances.guest, 'amd64', cache),
  };
}

test('of two at once one builds, and an image is left as it is until something of it has changed', async (t) => {
  t.timeout(300_000);
  const folder = await temporaryFolder(t);
  const request = await requestIn(folder);
  const lockText = request.lockText ?? (await readLock(host.files, 'guest', 'amd64')).text;
  await writeFile(`${folder}/the.lock`, lockText);
  const build = () => imageProgram(folder, '--if-changed', '--lock', `${folder}/the.lock`);
  const printed = await Promise.all([build(), build()]);
  t.is(printed.filter((text) => text.includes('guest.qcow2')).length, 1);

  const unchanged = (other: Partial<BuildRequest>) => isUnchanged(host.files, { ...request, ...other });
  t.true(await unchanged({}));
  t.true(await unchanged({ formats: ['raw', 'qcow2'], lockText: null }));
  t.false(await unchanged({ formats: ['vhd'] }), 'another format');
  t.false(await unchanged({ version: '9.9.9' }), 'another version');
  t.false(await unchanged({ lockText: `${lockText}\n` }), 'another lock');
  t.false(await unchanged({ debugKey: 'ssh-ed25519 AAAA' }), 'for debugging');
  t.false(await unchanged({ keys: `${folder}/no-keys` }), 'another key');

  const elsewhere = `${folder}/checkout`;
  for (const path of ['appliances/base', 'appliances/guest', 'packer/src', 'packages/image-manifest/src']) {
    await cp(`${checkout}/${path}`, `${elsewhere}/${path}`, { recursive: true });
  }
  await writeFile(`${elsewhere}/packer/src/more.test.ts`, '');
  t.true(await unchanged({ checkout: elsewhere }), 'the same checkout in another place');
  await writeFile(`${elsewhere}/appliances/guest/init`, '#!/bin/sh\n');
  t.false(await unchanged({ checkout: elsewhere }), 'another source');

  await truncate(`${folder}/images/guest/guest.qcow2`, 1000);
  t.false(await unchanged({}), 'a file that is not whole');
  await build();
  t.true(await unchanged({}));
  const manifest = `${folder}/images/guest/manifest.json`;
  await writeFile(manifest, (await readFile(manifest, 'utf8')).replace('quiet', 'noisy'));
  t.false(await unchanged({}), 'a manifest that is not what was signed');
});

test('a lock with a version that no mirror has ends in a code of its own; today’s packages go in its place', async (t) => {
  t.timeout(300_000);
  const folder = await temporaryFolder(t);
  const { text } = await readLock(host.files, 'guest', 'amd64');
  const [, version = ''] = /"name":"busybox-static","version":"([^"]+)"/.exec(text) ?? [];
  const gone = text
    .replace(`"name":"busybox-static","version":"${version}"`, '"name":"busybox-static","version":"0-0"')
    .replace(/(busybox-static_)[^_]+(_amd64)/, '$10-0$2');
  t.not(gone, text);
  await writeFile(`${folder}/gone.lock`, gone);
  const error = await t.throwsAsync(imageProgram(folder, '--lock', `${folder}/gone.lock`), {
    instanceOf: CommandError,
  });
  t.is(error?.exitCode, 4);
  t.regex(error?.stderr ?? '', /package busybox-static 0-0: no mirror of this machine has it any more/);

  await imageProgram(folder, '--lock', 'current');
  const lock = await readFile(`${folder}/images/guest/guest.lock`, 'utf8');
  const { lockSha256 } = parseManifest(await readFile(`${folder}/images/guest/manifest.json`));
  t.is(lockSha256, sha256Of(lock));
  t.is(await imageProgram(folder, '--if-changed'), '', 'it stands in for that of the committed lock');
  t.is(await imageProgram(folder, '--if-changed', '--lock', `${folder}/images/guest/guest.lock`), '');
});
