import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { silentLog } from '@isthmus/host';
import test from 'ava';
import { HostAgentError } from './errors.ts';
import { ImageCache, type ImageCacheOptions } from './image-cache.ts';

const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The bytes in parts, with turns of the event loop between them; `endAfter` parts the sender is gone. */
async function* sent(bytes: Buffer, endAfter = Number.POSITIVE_INFINITY) {
  for (let part = 0; part * 1000 < bytes.length; part += 1) {
    if (part === endAfter) throw new Error('aborted');
    await new Promise((resolve) => setImmediate(resolve));
    yield bytes.subarray(part * 1000, (part + 1) * 1000);
  }
}

async function cache(t: { teardown(end: () => Promise<void>): void }, options: Partial<ImageCacheOptions> = {}) {
  const parent = await mkdtemp('/tmp/isthmus-images-');
  t.teardown(() => rm(parent, { recursive: true, force: true }));
  const directory = `${parent}/images`;
  const images = new ImageCache({ directory, log: silentLog, used: () => new Set(), ...options });
  await images.open();
  return { directory, images };
}

test('an image is there whole or not at all, and two senders at once do no harm', async (t) => {
  const { directory, images } = await cache(t);
  const bytes = randomBytes(64_500);
  const name = sha256Of(bytes);
  const storing = [images.store(name, sent(bytes), bytes.length), images.store(name, sent(bytes), null)];
  t.deepEqual(await images.list(), []);
  await Promise.all(storing);
  t.deepEqual(await images.list(), [{ sha256: name, bytes: 64_500 }]);
  t.deepEqual(await readFile(`${directory}/${name}`), bytes);
  t.is((await stat(`${directory}/${name}`)).mode & 0o777, 0o644);
  t.deepEqual(await readdir(directory), [name]);
});

test('what is not the image of its name, or ends early, leaves nothing', async (t) => {
  const { directory, images } = await cache(t);
  const bytes = randomBytes(5000);
  const name = sha256Of(bytes);
  const tampered = Buffer.from(bytes);
  tampered[4999] = (tampered[4999] ?? 0) ^ 1;
  const refusals = [
    [images.store(name, sent(tampered), 5000), 'invalid', /expected bytes of that SHA-256/],
    [images.store(name, sent(bytes.subarray(0, 4000)), 5000), 'failed', /expected 5000 bytes, and 4000 came/],
    [images.store(name, sent(bytes, 3), 5000), 'failed', /did not arrive whole/],
  ] as const;
  for (const [storing, code, message] of refusals) {
    t.is((await t.throwsAsync(storing, { instanceOf: HostAgentError, message })).code, code);
  }
  t.deepEqual(await readdir(directory), []);
});

test('a host agent that ended while an image came leaves nothing after its next start', async (t) => {
  const { directory, images } = await cache(t);
  await writeFile(`${directory}/.${'a'.repeat(64)}.7`, 'half');
  await images.open();
  t.deepEqual(await readdir(directory), []);
});

test('where room is short, images that no machine has go, the oldest first, and recent ones stay', async (t) => {
  const hour = 3_600_000;
  const limit = 256 * 1024 * 1024 + 3000;
  const all = [1, 2, 3, 4].map((fill) => Buffer.alloc(1000, fill));
  const [used, old, older, recent] = all.map(sha256Of);
  const { directory, images } = await cache(t, {
    used: () => new Set(used === undefined ? [] : [used]),
    freeBytes: async (where) => limit + 4000 - (await readdir(where)).length * 1000,
  });
  for (const [index, bytes] of all.entries()) {
    await images.store(sha256Of(bytes), sent(bytes), 1000);
    const at = new Date(Date.now() - ([3, 1, 2, 0][index] ?? 0) * hour);
    await utimes(`${directory}/${sha256Of(bytes)}`, at, at);
  }
  const fifth = Buffer.alloc(3500, 5);
  await images.store(sha256Of(fifth), sent(fifth), 3500);
  const left = async () => (await images.list()).map(({ sha256 }) => sha256);
  t.deepEqual(await left(), [used, old, recent, sha256Of(fifth)].map(String).sort());
  t.false((await left()).includes(String(older)));
  const huge = randomBytes(9000);
  const refused = await t.throwsAsync(images.store(sha256Of(huge), sent(huge), 9000), { instanceOf: HostAgentError });
  t.regex(refused.message, /expected \d+ bytes free in .*, found \d+/);
  t.deepEqual(await left(), [used, recent, sha256Of(fifth)].map(String).sort());
});

test('a machine is refused whose image is not there', async (t) => {
  const { images } = await cache(t);
  const bytes = randomBytes(100);
  await images.store(sha256Of(bytes), sent(bytes), 100);
  const image = { sha256: sha256Of(bytes), format: 'raw' } as const;
  const machine = { image, cpus: 1, memoryBytes: 2 ** 27 };
  await t.notThrowsAsync(images.require(machine));
  const kernel = { kernel: 'b'.repeat(64), initrd: sha256Of(bytes), commandLine: '' };
  const lacking = images.require({ ...machine, image: { ...image, kernel } });
  t.is((await t.throwsAsync(lacking, { instanceOf: HostAgentError, message: /^image bbbb/ })).code, 'conflict');
});
