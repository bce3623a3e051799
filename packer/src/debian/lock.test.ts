import { applianceRoles, architectures, debianRelease } from '@isthmus/appliances';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { ImageBuildError } from '../image-build-error.ts';
import { type DebianLock, lockText, parseLock, readLock } from './lock.ts';

const entry = {
  name: 'libc6',
  version: '2.36-9+deb12u14',
  architecture: 'amd64',
  use: 'root',
  archive: 'bookworm',
  path: 'pool/main/g/glibc/libc6_2.36-9+deb12u14_amd64.deb',
  bytes: 1000,
  sha256: 'a'.repeat(64),
} as const;

const sound: DebianLock = {
  schema: 1,
  role: 'router',
  architecture: 'amd64',
  release: 'bookworm',
  sourceDateEpoch: 1_700_000_000,
  packages: [{ ...entry, name: 'zlib1g' }, entry],
};

test('a lock is read back as it was written, its packages by name', (t) => {
  const text = lockText(sound);
  t.deepEqual(parseLock(text, 'lock'), { ...sound, packages: sound.packages.toReversed() });
  t.is(text.split('\n').filter((line) => line.includes('"sha256"')).length, 2);
});

test('a lock that is not sound is refused, with the field', (t) => {
  const rows: [object | string, RegExp][] = [
    ['{', /no JSON text/],
    [{ ...sound, schema: 2 }, /schema/],
    [{ ...sound, packages: [{ ...entry, sha256: 'A' }] }, /packages\/0\/sha256/],
    [{ ...sound, packages: [{ ...entry, path: '../etc/passwd.deb' }] }, /packages\/0\/path/],
    [{ ...sound, packages: [{ ...entry, version: '1\n2' }] }, /packages\/0\/version/],
    [{ ...sound, more: true }, /lock/],
  ];
  for (const [value, pattern] of rows) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const error = t.throws(() => parseLock(text, 'lock'), { instanceOf: ImageBuildError });
    t.regex(error?.message ?? '', pattern);
  }
});

test('every role has a committed lock of this release, with one kernel, and nothing twice', async (t) => {
  const { files } = createHost({ log: silentLog });
  for (const role of applianceRoles) {
    for (const architecture of architectures) {
      const { lock, text } = await readLock(files, role, architecture);
      t.true(text === lockText(lock), `${role}: the lock is not in its one spelling`);
      t.is(lock.role, role);
      t.is(lock.release, debianRelease);
      const names = lock.packages.map(({ name }) => name);
      t.is(new Set(names).size, names.length, `${role}: a package stands there twice`);
      t.is(names.filter((name) => /^linux-image-\d/.test(name)).length, 1);
      const server = lock.packages.filter(({ name, use }) => /ssh/.test(name) && use !== 'debug');
      t.deepEqual(server, [], `${role}: an SSH server is for --debug alone`);
    }
  }
});
