import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UsageError } from './command-line.ts';
import { readValueFiles } from './value-files.ts';

test('a value is read from a file, without the newlines at its end', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-values-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'key.pem');
  await writeFile(path, '-----BEGIN\nab\n\nc\n-----END\n\n');
  t.deepEqual(await readValueFiles({ privatekey: `@${path}`, name: 'shop@example.org', password: '@@home' }), {
    privatekey: '-----BEGIN\nab\n\nc\n-----END',
    name: 'shop@example.org',
    password: '@home',
  });
});

test('a file that cannot be a value is refused, and its content stays out of the message', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-values-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const [large, binary] = [join(folder, 'large'), join(folder, 'binary')];
  await writeFile(large, 'a'.repeat((1 << 20) + 1));
  await writeFile(binary, Buffer.from([0x73, 0xff, 0xfe]));
  for (const [value, message] of [
    [`@${folder}/absent`, /^privatekey: ENOENT.*absent.*; expected the path of a file after @/],
    ['@', /^privatekey: ENOENT.*; expected the path of a file after @/],
    [`@${folder}`, /^privatekey: EISDIR/],
    [`@${large}`, /^privatekey: .*large has 1048577 bytes: expected at most 1 MiB$/],
    [`@${binary}`, /^privatekey: .*binary is not text in UTF-8$/],
  ] as const) {
    await t.throwsAsync(readValueFiles({ privatekey: value }), { instanceOf: UsageError, message });
  }
});
