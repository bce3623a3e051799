import { appendFile, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ensureBuiltInRows } from './built-in.ts';
import { ImageStore } from './image.ts';
import { openImageFixture } from './image-fixture.ts';
import { ImageRefusedError } from './image-folder.ts';
import { seedIdentity } from './seed.ts';
import { openTestDatabase, type TestDatabase } from './testing.ts';

let database: TestDatabase;
test.before(async () => {
  database = await openTestDatabase();
});
test.after.always(() => database.close());

const contents = { qcow2: 'disk', kernel: 'kernel', initrd: 'initrd' };

async function opened(t: ExecutionContext) {
  await database.db.deleteFrom('template').where('url', '=', 'image:guest').execute();
  await database.db.deleteFrom('image').execute();
  const fixture = await openImageFixture();
  t.teardown(() => fixture.remove());
  return { fixture, store: new ImageStore(database.db, fixture), db: database.db };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'none';
}

test.serial('a signed image is registered once, and its files answer for it', async (t) => {
  const { fixture, store, db } = await opened(t);
  const manifest = await fixture.build('router', contents);
  await store.register();
  const outcomes = await store.register();
  t.deepEqual(
    outcomes.map(({ role, state }) => `${role} ${state}`),
    ['router registered', 'console-proxy absent', 'secondary-storage absent', 'guest absent'],
  );
  const rows = await db.selectFrom('image').selectAll().execute();
  t.is(rows.length, 1);
  const row = await store.current('router');
  t.deepEqual(row.manifest, manifest);
  const image = await store.verified(row.id);
  t.is(await readFile(image.disk.path, 'utf8'), 'disk');
  t.is(image.kernel?.bytes, 6);
  t.deepEqual(image.manifest, manifest);
});

test.serial(
  'an image that is not what was signed is refused with its reason, and the last good row stays',
  async (t) => {
    const { fixture, store, db } = await opened(t);
    const folder = join(fixture.images, 'router');
    const damages: [string, () => Promise<unknown>, RegExp][] = [
      [
        'a longer disk',
        () => appendFile(join(folder, 'router.qcow2'), 'x'),
        /router\.qcow2 has 5 bytes, the manifest says 4/,
      ],
      [
        'another disk',
        () => writeFile(join(folder, 'router.qcow2'), 'disc'),
        /router\.qcow2 has SHA-256 \w+, the manifest/,
      ],
      ['another kernel', () => writeFile(join(folder, 'router.kernel'), 'kermel'), /router\.kernel has SHA-256/],
      ['no initrd', () => rm(join(folder, 'router.initrd')), /router\.initrd is missing/],
      ['no signature', () => rm(join(folder, 'manifest.json.sig')), /is not signed/],
      ['an empty signature', () => writeFile(join(folder, 'manifest.json.sig'), ''), /is not signed/],
      ['another manifest', () => appendFile(join(folder, 'manifest.json'), ' '), /changed after the build/],
      ['no trusted key', () => rm(join(fixture.keys, 'trusted', 'builder.pem')), /not among the 0 trusted keys/],
    ];
    for (const [what, damage, reason] of damages) {
      await fixture.build('router', contents);
      const { id } = await store.current('router');
      await damage();
      t.regex(await refusal(store.current('router')), reason, what);
      await t.throwsAsync(store.verified(id), { instanceOf: ImageRefusedError, message: reason }, what);
      t.is((await db.selectFrom('image').selectAll().execute()).length, 1, what);
    }
  },
);

test.serial('a change that keeps size and time of a file is noticed', async (t) => {
  const { fixture, store } = await opened(t);
  await fixture.build('router', contents);
  const { id } = await store.current('router');
  const path = join(fixture.images, 'router', 'router.qcow2');
  await utimes(path, 1_000_000, 1_000_000);
  await store.verified(id);
  await writeFile(path, 'dosk');
  await utimes(path, 1_000_000, 1_000_000);
  t.regex(await refusal(store.verified(id)), /has SHA-256/);
});

test.serial('a manifest is not taken for another role, nor without a disk', async (t) => {
  const { fixture, store } = await opened(t);
  await fixture.build('router', { kernel: 'k', initrd: 'i' });
  t.regex(await refusal(store.current('router')), /it has no qcow2 disk/);
  await fixture.build('router', { qcow2: 'disk', kernel: 'k' });
  t.regex(await refusal(store.current('router')), /one of kernel and initrd/);
  await fixture.build('guest', contents);
  for (const name of ['manifest.json', 'manifest.json.sig']) {
    await writeFile(join(fixture.images, 'router', name), await readFile(join(fixture.images, 'guest', name)));
  }
  t.regex(await refusal(store.current('router')), /it is the image of role guest/);
  t.regex(await refusal(store.current('console-proxy')), /build it: npm run image -- console-proxy/);
});

test.serial(
  'a newer build is taken from then on; the older one is told from it, and returns when it is put back',
  async (t) => {
    const { fixture, store } = await opened(t);
    await fixture.build('router', contents);
    const first = await store.current('router');
    await fixture.build('router', { ...contents, qcow2: 'newer' }, '0.2.0');
    const second = await store.current('router');
    t.not(second.id, first.id);
    t.is(second.version, '0.2.0');
    t.regex(
      await refusal(store.verified(first.id)),
      /version 0\.1\.0 with disk \w+ is wanted, and another build lies there/,
    );
    await fixture.build('router', contents);
    t.is((await store.current('router')).id, first.id);
    await rm(join(fixture.images, 'router'), { recursive: true });
    t.is((await store.current('router')).id, first.id);
  },
);

test.serial('the guest image is a template; instances keep the one that they were deployed from', async (t) => {
  const { fixture, store, db } = await opened(t);
  const admin = await seedIdentity(db);
  t.not(admin, null);
  const account = await db.selectFrom('account').selectAll().executeTakeFirstOrThrow();
  await db
    .transaction()
    .execute((trx) => ensureBuiltInRows(trx, { accountId: account.id, domainId: account.domain_id }));
  const templates = async () =>
    (await db.selectFrom('template').selectAll().where('url', '=', 'image:guest').orderBy('name').execute()).map(
      ({ name, image_id, size }) => ({ name, image_id, size }),
    );
  await fixture.build('guest', contents);
  const first = await store.current('guest');
  await store.register();
  t.deepEqual(await templates(), [{ name: 'isthmus-guest', image_id: first.id, size: '1048576' }]);

  await fixture.build('guest', { ...contents, qcow2: 'newer' });
  const second = await store.current('guest');
  t.deepEqual(await templates(), [{ name: 'isthmus-guest', image_id: second.id, size: '1048576' }]);
});
