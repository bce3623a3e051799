import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createHost, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { ensureOverlay } from './disks.ts';

const host = createHost({ log: silentLog });
const mebibyte = 1024 * 1024;

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(`${tmpdir()}/isthmus-disks-`);
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

async function image(path: string, ...args: string[]): Promise<string> {
  await host.commands.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, '4M']);
  return path;
}

async function info(path: string): Promise<Record<string, unknown>> {
  return JSON.parse((await host.commands.run('qemu-img', ['info', '--output=json', path])).stdout);
}

test('an overlay is as large as asked, and never smaller than its image', async (t) => {
  const at = await folder(t);
  const base = { path: await image(`${at}/base`), format: 'qcow2' as const };
  await ensureOverlay(host, `${at}/disk`, base);
  t.is((await info(`${at}/disk`))['virtual-size'], 4 * mebibyte);
  await host.commands.run('qemu-io', ['-f', 'qcow2', '-c', 'write -P 7 0 512', `${at}/disk`]);
  await ensureOverlay(host, `${at}/disk`, base, 8 * mebibyte);
  const found = await info(`${at}/disk`);
  t.is(found['virtual-size'], 8 * mebibyte);
  t.is(found['backing-filename-format'], 'qcow2');
  await t.notThrowsAsync(
    host.commands.run('qemu-io', ['-f', 'qcow2', '-c', 'read -P 7 0 512', `${at}/disk`]),
    'it keeps what was written',
  );
  await ensureOverlay(host, `${at}/disk`, { ...base, path: await image(`${at}/other`) });
  t.is((await info(`${at}/disk`))['backing-filename'], `${at}/other`, 'another image is another disk');
});

test('an image that refers to another file is refused, and one that is none', async (t) => {
  const at = await folder(t);
  await host.files.writeText(`${at}/secret`, 'secret');
  const refers = await image(`${at}/refers`, '-u', '-F', 'raw', '-b', `${at}/secret`);
  const overlay = (path: string) => ensureOverlay(host, `${at}/disk`, { path, format: 'qcow2' });
  await t.throwsAsync(overlay(refers), { message: /expected an image that refers to no other file/ });
  const outside = await image(`${at}/outside`, '-o', `data_file=${at}/data,data_file_raw=on`);
  await t.throwsAsync(overlay(outside), { message: /expected an image that refers to no other file/ });
  await t.throwsAsync(overlay(`${at}/secret`), { message: /expected a disk image in format qcow2/ });
  await t.throwsAsync(overlay(`${at}/absent`), { message: /expected it in this host's cache/ });
  t.false(await host.files.exists(`${at}/disk`));
});

test('an overlay that names an external data file is made anew, and the file is left alone', async (t) => {
  const at = await folder(t);
  const base = { path: await image(`${at}/base`), format: 'qcow2' as const };
  const outside = ['-o', `data_file=${at}/victim`, '-F', 'qcow2', '-b', base.path];
  await image(`${at}/disk`, ...outside);
  await host.files.writeText(`${at}/victim`, 'passwords');
  await ensureOverlay(host, `${at}/disk`, base, 8 * mebibyte);
  t.is(await host.files.readText(`${at}/victim`), 'passwords');
  t.deepEqual((await info(`${at}/disk`))['backing-filename'], base.path);
  t.false(JSON.stringify(await info(`${at}/disk`)).includes('data-file"'));
});

test('a full disk is called so, and nothing is left on it', async (t) => {
  const at = await folder(t);
  const base = { path: await image(`${at}/base`), format: 'qcow2' as const };
  await host.files.makeDirectory(`${at}/small`);
  await host.commands.run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', `${at}/small`]);
  t.teardown(async () => void (await host.commands.run('umount', [`${at}/small`])));
  await t.throwsAsync(ensureOverlay(host, `${at}/small/disk`, base), { message: /the disk of this host is full/ });
  t.deepEqual(await host.files.list(`${at}/small`), []);
});
