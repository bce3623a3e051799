import { randomUUID } from 'node:crypto';
import { copyFile, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { DiskRefusedError } from '../model/qcow2.ts';
import { ensureBuiltInRows } from './built-in.ts';
import { seedIdentity } from './seed.ts';
import { TemplateDisks } from './template-disk.ts';
import { openTestDatabase, type TestDatabase } from './testing.ts';

const { commands } = createHost({ log: silentLog });
const megabyte = 2 ** 20;

let database: TestDatabase;
let directory: string;
let owner: { account_id: string; domain_id: string; os_type_id: string };
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-template-'));
  database = await openTestDatabase();
  const { db } = database;
  await seedIdentity(db);
  const account = await db.selectFrom('account').selectAll().executeTakeFirstOrThrow();
  await db
    .transaction()
    .execute((trx) => ensureBuiltInRows(trx, { accountId: account.id, domainId: account.domain_id }));
  const osType = await db.selectFrom('os_type').select('id').limit(1).executeTakeFirstOrThrow();
  owner = { account_id: account.id, domain_id: account.domain_id, os_type_id: osType.id };
});
test.after.always(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

async function disk(...args: string[]): Promise<string> {
  const path = join(directory, `${randomUUID()}.qcow2`);
  await commands.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, '64M']);
  return path;
}

function opened(virtualBytesAtMost = 128 * megabyte) {
  const folder = join(directory, randomUUID());
  return {
    folder,
    disks: new TemplateDisks({ db: database.db, log: silentLog, commands, folder, virtualBytesAtMost }),
  };
}

async function importing(url: string): Promise<string> {
  const row = { name: 'disk', display_text: 'disk', format: 'QCOW2', hypervisor: 'KVM', size: 0, ...owner };
  const { id } = await database.db
    .insertInto('template')
    .values({ ...row, url, state: 'Importing' })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

async function imported(disks: TemplateDisks, url: string) {
  const id = await importing(url);
  disks.begin(id);
  disks.begin(id);
  await disks.settle();
  return database.db.selectFrom('template').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

test.serial('a disk is copied under its hash, and goes with the last template that has it', async (t) => {
  const { disks, folder } = opened();
  const path = await disk();
  const [first, second] = [await imported(disks, `file://${path}`), await imported(disks, `file://${path}`)];
  const kept = first.file_path ?? '';
  t.like(first, { state: 'Ready', reason: null, size: String(64 * megabyte), file_path: second.file_path });
  t.is(first.physical_size, String((await stat(path)).size));
  t.is(kept, join(folder, `${first.disk_sha256}.qcow2`));
  t.deepEqual(await readFile(kept), await readFile(path));
  await disks.remove(first.id);
  t.deepEqual(await readdir(folder), [`${first.disk_sha256}.qcow2`]);
  await disks.remove(second.id);
  t.deepEqual(await readdir(folder), []);
});

test.serial('what an orchestrator that died had begun is begun anew', async (t) => {
  const { disks } = opened();
  const id = await importing(`file://${await disk()}`);
  await disks.resume();
  await disks.settle();
  const row = await database.db.selectFrom('template').selectAll().where('id', '=', id).executeTakeFirst();
  t.like(row, { state: 'Ready', reason: null });
});

/** Changes bytes of a sound disk. */
async function damaged(at: number, bytes: number[]): Promise<string> {
  const path = await disk();
  const file = await open(path, 'r+');
  await file.write(Buffer.from(bytes), 0, bytes.length, at);
  await file.close();
  return path;
}

test.serial(
  'a disk that reaches beyond itself is refused before any tool opens it, and nothing of it is kept',
  async (t) => {
    const { disks, folder } = opened();
    const secret = join(directory, 'secret');
    await writeFile(secret, 'secret'.repeat(1000));
    const base = await disk();
    const data = join(directory, `${randomUUID()}.data`);
    const fifo = join(directory, 'fifo');
    await commands.run('mkfifo', [fifo]);
    const snapshot = await disk();
    await commands.run('qemu-img', ['snapshot', '-c', 'one', snapshot]);
    const vmdk = join(directory, 'disk.vmdk');
    await commands.run('qemu-img', ['create', '-q', '-f', 'vmdk', vmdk, '1M']);
    const bitmap = await disk();
    await commands.run('qemu-img', ['bitmap', '--add', bitmap, 'b0']);
    const rows: [string, string, RegExp][] = [
      ['a backing file', await disk('-b', secret, '-F', 'raw', '-u'), /backing file/],
      ['a backing disk', await disk('-b', base, '-F', 'qcow2'), /backing file/],
      ['an external data file', await disk('-o', `data_file=${data},data_file_raw=on`), /external data file/],
      ['extended L2 entries', await disk('-o', 'extended_l2=on'), /extended L2/],
      ['a snapshot', snapshot, /snapshots/],
      ['a bitmap', bitmap, /bitmaps/],
      ['another format', vmdk, /no qcow2/],
      ['a dirty bit', await damaged(79, [1]), /not closed cleanly/],
      ['no such file', join(directory, 'absent'), /cannot be read \(ENOENT\)/],
      ['a folder', directory, /no regular file/],
      ['a named pipe', fifo, /no regular file/],
      ['a device', '/dev/zero', /no regular file/],
    ];
    for (const [what, path, reason] of rows) {
      await t.throwsAsync(disks.inspect(path), { instanceOf: DiskRefusedError, message: reason }, what);
      const row = await imported(disks, `file://${path}`);
      t.is(row.state, 'Error', what);
      t.regex(row.reason ?? '', reason, what);
      t.is(row.file_path, null, what);
    }
    t.deepEqual(await readdir(folder), []);
    const small = opened(32 * megabyte);
    t.regex(
      (await imported(small.disks, `file://${base}`)).reason ?? '',
      /virtual size is 67108864 bytes, at most 33554432/,
    );
  },
);

test.serial('a disk whose tables are broken behind a sound header is refused by qemu-img', async (t) => {
  const { disks, folder } = opened();
  const path = await disk();
  await commands.run('qemu-io', ['-f', 'qcow2', '-c', 'write -q 0 1M', path]);
  const broken = join(directory, `${randomUUID()}.qcow2`);
  await copyFile(path, broken);
  const file = await open(broken, 'r+');
  const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 40);
  // The first entry of the L1 table points beyond the end of the file.
  await file.write(Buffer.from('80000fff00000000', 'hex'), 0, 8, Number(buffer.readBigUInt64BE()));
  await file.close();
  t.is((await imported(disks, `file://${path}`)).state, 'Ready');
  const row = await imported(disks, `file://${broken}`);
  t.is(row.state, 'Error');
  t.regex(row.reason ?? '', /qemu-img check refuses it/);
  t.is((await readdir(folder)).length, 1);
});
