import { createHash, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { ImageStore } from '../store/image.ts';
import { openImageFixture } from '../store/image-fixture.ts';
import { openTestDatabase, type TestDatabase } from '../store/testing.ts';
import { ensureImageOnHost, ensureTemplateOnHost, type ImageHost } from './images.ts';

let database: TestDatabase;
test.before(async () => {
  database = await openTestDatabase();
});
test.after.always(() => database.close());

/** A host agent's image cache: it refuses bytes that are not those of the hash. */
class Cache implements ImageHost {
  readonly files = new Map<string, string>();
  puts = 0;

  async images() {
    return [...this.files].map(([sha256, content]) => ({ sha256, bytes: content.length }));
  }

  async putImage(sha256: string, source: Readable, length: number) {
    this.puts += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of source) chunks.push(chunk as Buffer);
    const content = Buffer.concat(chunks);
    if (sha256 !== hashOf(content) || length !== content.length) throw new Error('not the bytes of this hash');
    this.files.set(sha256, content.toString());
  }
}

function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

async function opened(t: ExecutionContext) {
  const fixture = await openImageFixture();
  t.teardown(() => fixture.remove());
  return { fixture, images: new ImageStore(database.db, fixture), cache: new Cache(), db: database.db };
}

test.serial('a host gets the files that it lacks, once, also for two VMs that start at the same time', async (t) => {
  const { fixture, images, cache } = await opened(t);
  await fixture.build('router', { qcow2: 'disk', kernel: 'kernel', initrd: 'initrd', raw: 'not needed' });
  const { id } = await images.current('router');
  const [placed] = await Promise.all([
    ensureImageOnHost(cache, images, id),
    ensureImageOnHost(cache, images, id),
    ensureImageOnHost(cache, images, id),
  ]);
  t.deepEqual(placed, {
    image: {
      sha256: hashOf('disk'),
      format: 'qcow2',
      kernel: { kernel: hashOf('kernel'), initrd: hashOf('initrd'), commandLine: 'console=ttyS0' },
    },
    requirements: { cpus: 1, memoryBytes: 67_108_864 },
  });
  t.deepEqual([...cache.files.values()].sort(), ['disk', 'initrd', 'kernel']);
  t.is(cache.puts, 3);
  await ensureImageOnHost(cache, images, id);
  t.is(cache.puts, 3);
});

test.serial('a tampered image goes to no host; one that has the good files serves on', async (t) => {
  const { fixture, images, cache } = await opened(t);
  await fixture.build('router', { qcow2: 'disk2' });
  const { id } = await images.current('router');
  await ensureImageOnHost(cache, images, id);
  await writeFile(join(fixture.images, 'router', 'router.qcow2'), 'disk3');
  await t.notThrowsAsync(ensureImageOnHost(cache, images, id));
  const other = new Cache();
  await t.throwsAsync(ensureImageOnHost(other, images, id), {
    message: /image router in .* is refused: router\.qcow2 has SHA-256/,
  });
  t.is(other.puts, 0);
});

test.serial("a template's disk is checked by its hash before it goes to a host", async (t) => {
  const { fixture, images, cache, db } = await opened(t);
  const nobody = randomUUID();
  await db
    .insertInto('domain')
    .values({ id: nobody, name: 'D', path: `/${nobody}/`, parent_id: null, level: 1, network_domain: null })
    .execute();
  await db
    .insertInto('account')
    .values({ id: nobody, name: 'a', type: 0, domain_id: nobody, network_domain: null })
    .execute();
  const osType = await db
    .insertInto('os_type')
    .values({ category: 'None', description: 'None' })
    .returning('id')
    .executeTakeFirstOrThrow();
  await mkdir(fixture.images, { recursive: true });
  const path = join(fixture.images, 'template.qcow2');
  await writeFile(path, 'template');
  const { id } = await db
    .insertInto('template')
    .values({
      name: 'mine',
      display_text: 'mine',
      format: 'QCOW2',
      hypervisor: 'KVM',
      os_type_id: osType.id,
      url: 'file:///elsewhere',
      size: 1,
      file_path: path,
      disk_sha256: hashOf('template'),
      account_id: nobody,
      domain_id: nobody,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  t.deepEqual((await ensureTemplateOnHost(cache, { db, images }, id)).image, {
    sha256: hashOf('template'),
    format: 'qcow2',
  });
  await writeFile(path, 'tampered');
  await t.throwsAsync(ensureTemplateOnHost(new Cache(), { db, images }, id), {
    message: 'the disk of template mine was changed since it was registered',
  });
  await db.updateTable('template').set({ state: 'Error', reason: 'it has snapshots' }).where('id', '=', id).execute();
  await t.throwsAsync(ensureTemplateOnHost(cache, { db, images }, id), {
    message: 'template mine has no disk to deploy: it has snapshots',
  });
});
