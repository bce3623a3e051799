import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createHost, type Host, scriptedRunner, silentLog } from '@isthmus/host';
import test from 'ava';
import { PackageGoneError } from '../image-build-error.ts';
import { parseUris } from './apt.ts';
import { cachePackages } from './cache.ts';
import type { LockedPackage } from './lock.ts';

const content = 'a package';
const entry: LockedPackage = {
  name: 'hello',
  version: '1:2.10-3+b1',
  architecture: 'amd64',
  use: 'root',
  archive: 'bookworm',
  path: 'pool/main/h/hello/hello_2.10-3+b1_amd64.deb',
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
};

async function folder(t: { teardown(action: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(`${tmpdir()}/isthmus-cache-`);
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

function withoutNetwork(): Host {
  return { ...createHost({ log: silentLog }), commands: scriptedRunner([]) };
}

test('what lies in the cache with the right bytes is taken, without any command', async (t) => {
  const cache = await folder(t);
  await writeFile(`${cache}/hello_1%3A2.10-3%2Bb1_amd64.deb`, content);
  const paths = await cachePackages(withoutNetwork(), cache, [entry], () => {});
  t.deepEqual(paths, [`${cache}/hello_1%3A2.10-3%2Bb1_amd64.deb`]);
});

test('a damaged copy is not taken', async (t) => {
  const cache = await folder(t);
  await writeFile(`${cache}/hello_1%3A2.10-3%2Bb1_amd64.deb`, 'a pack age');
  await t.throwsAsync(
    cachePackages(withoutNetwork(), cache, [entry], () => {}),
    { message: /unexpected command/ },
  );
});

test('a package that no mirror has is named, with the way out, and nothing is left', async (t) => {
  const cache = await folder(t);
  const host = createHost({ log: silentLog });
  const gone = { ...entry, name: 'isthmus-no-such-package', path: 'pool/main/i/isthmus-no-such-package_1_all.deb' };
  const error = await t.throwsAsync(
    cachePackages(host, cache, [gone], () => {}),
    { instanceOf: PackageGoneError },
  );
  t.regex(
    error?.message ?? '',
    /^package isthmus-no-such-package 1:2\.10-3\+b1: no mirror .*--lock current.*--update-lock$/,
  );
  t.deepEqual(await readdir(cache), []);
});

test("apt's list of addresses is read", (t) => {
  const hash = 'b'.repeat(64);
  t.deepEqual(
    parseUris(
      `Reading package lists...\n'http://m.test/debian/pool/h_1_amd64.deb' h_1%3a1_amd64.deb 12 SHA256:${hash}\n`,
    ),
    [{ url: 'http://m.test/debian/pool/h_1_amd64.deb', file: 'h_1%3a1_amd64.deb', bytes: 12, sha256: hash }],
  );
});
