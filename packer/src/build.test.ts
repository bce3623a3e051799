// One image, the smallest, built for real: twice, in different folders, in every format.
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { appliances } from '@isthmus/appliances';
import { createHost, silentLog } from '@isthmus/host';
import { parseManifest } from '@isthmus/image-manifest';
import test from 'ava';
import { abortableHost } from './abortable-host.ts';
import { prepareBuild } from './build.ts';
import type { BuildRequest } from './build-request.ts';
import { availableLock } from './debian/available-lock.ts';
import { diskFormats, driverOf, qemuImg } from './export/formats.ts';

const host = createHost({ log: silentLog });
const cache = '/var/cache/isthmus/debs';
const checkout = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

async function requestIn(folder: string): Promise<BuildRequest> {
  await mkdir(folder, { recursive: true });
  return {
    manifest: appliances.guest,
    architecture: 'amd64',
    formats: diskFormats.filter((format) => format !== 'iso'),
    version: '0.1.0',
    checkout,
    cache,
    images: `${folder}/images`,
    keys: `${folder}/keys`,
    debugKey: null,
    lockText: await availableLock(host, appliances.guest, 'amd64', cache),
  };
}

async function buildIn(folder: string) {
  const build = await prepareBuild(host, await requestIn(folder));
  try {
    for (const step of build.steps) await step.run(() => {});
    return build.result();
  } finally {
    await build.close();
  }
}

async function temporaryFolder(t: { teardown(action: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/isthmus-build-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test('two builds are the same bytes, and each format is what it says', async (t) => {
  const folder = await temporaryFolder(t);
  const first = await buildIn(`${folder}/a`);
  const second = await buildIn(`${folder}/another/place`);
  const hashOf = ({ manifest }: typeof first, kind: string) =>
    manifest.files.find((file) => file.kind === kind)?.sha256;
  for (const kind of ['raw', 'kernel', 'initrd', 'sbom']) t.is(hashOf(first, kind), hashOf(second, kind), kind);

  const image = first.folder;
  t.deepEqual(await readdir(`${folder}/a/images`), ['guest']);
  t.deepEqual(parseManifest(await readFile(`${image}/manifest.json`)), first.manifest);
  await t.notThrowsAsync(host.commands.run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: image }));
  for (const format of ['raw', 'qcow2', 'vhd', 'vhdx', 'vmdk'] as const) {
    const driver = driverOf(format);
    const path = `${image}/guest.${format}`;
    const info: unknown = JSON.parse(await qemuImg(host, ['info', '--output=json', path]));
    t.like(info, { format: driver, 'virtual-size': first.manifest.disk.virtualBytes }, format);
    await t.notThrowsAsync(qemuImg(host, ['compare', '-f', 'raw', '-F', driver, `${image}/guest.raw`, path]), format);
    // raw and vpc have nothing that qemu-img could check.
    if (['qcow2', 'vhdx', 'vmdk'].includes(driver))
      await t.notThrowsAsync(qemuImg(host, ['check', '-f', driver, path]));
  }
  await host.commands.run('tar', ['xf', 'guest.ova', '-C', folder], { cwd: image });
  const disk: unknown = JSON.parse(
    await qemuImg(host, ['info', '--output=json', `${folder}/isthmus-guest-disk0.vmdk`]),
  );
  t.like(disk, { format: 'vmdk', 'format-specific': { data: { 'create-type': 'streamOptimized' } } });
  t.regex(await readFile(`${folder}/isthmus-guest.ovf`, 'utf8'), /ovf:href="isthmus-guest-disk0\.vmdk"/);
  const { stdout } = await host.commands.run('sgdisk', ['--verify', `${image}/guest.raw`]);
  t.regex(stdout, /No problems found/);
});

/** Presses the power button of a machine by QEMU's monitor. */
async function pressPowerButton(monitor: string): Promise<void> {
  const socket = connect(monitor);
  socket.end('system_powerdown\n');
  for await (const _ of socket);
}

/**
 * Boots the disk as a copy that is thrown away, until its serial console says `words`, and presses the power button.
 * Resolves with the milliseconds until the machine was off.
 */
async function bootUntil(image: string, firmware: readonly string[], log: string, words: string): Promise<number> {
  const disk = `file=${image}/guest.qcow2,format=qcow2,if=virtio,snapshot=on`;
  const args = ['-accel', 'tcg', '-m', '256', '-display', 'none', '-nic', 'none', '-no-reboot'];
  const monitor = `${log}.monitor`;
  const pid = await host.commands.startDaemon(
    'qemu-system-x86_64',
    [
      ...args,
      '-monitor',
      `unix:${monitor},server,nowait`,
      '-serial',
      `file:${log}.serial`,
      ...firmware,
      '-drive',
      disk,
    ],
    { logPath: log },
  );
  try {
    const deadline = host.clock.monotonicMs() + 120_000;
    for (;;) {
      const serial = (await host.files.readTextIfExists(`${log}.serial`)) ?? '';
      if (serial.includes(words)) break;
      if (host.clock.monotonicMs() > deadline) throw new Error(`it did not boot: ${serial.slice(-500)}`);
      await host.clock.sleep(200);
    }
    const pressed = host.clock.monotonicMs();
    await pressPowerButton(monitor);
    while (await host.commands.isRunning(pid, 'qemu-system-x86_64')) {
      if (host.clock.monotonicMs() > deadline) throw new Error('it did not power off');
      await host.clock.sleep(50);
    }
    return host.clock.monotonicMs() - pressed;
  } finally {
    host.commands.signal(pid, 'SIGKILL');
  }
}

test('the disk boots by BIOS and by UEFI, and the power button ends it', async (t) => {
  t.timeout(300_000);
  const folder = await temporaryFolder(t);
  const request = await requestIn(folder);
  const build = await prepareBuild(host, { ...request, formats: [] });
  try {
    for (const step of build.steps) await step.run(() => {});
  } finally {
    await build.close();
  }
  const { folder: image } = build.result();
  const uefi = 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd';
  const machines = { bios: [], uefi: ['-machine', 'q35', '-drive', uefi] };
  for (const [name, words] of Object.entries(machines)) {
    const offMs = await bootUntil(image, words, `${folder}/${name}`, 'isthmus guest: started');
    t.true(offMs < 5000, `${name}: off after ${offMs} ms`);
  }
});

test('a build that is interrupted leaves nothing behind, and the image before it as it was', async (t) => {
  const folder = await temporaryFolder(t);
  const request = await requestIn(folder);
  const interruption = new AbortController();
  const build = await prepareBuild(abortableHost(host, interruption.signal), request);
  const [packages, unpack] = build.steps;
  await packages?.run(() => {});
  const unpacking = unpack?.run(() => {});
  interruption.abort(new Error('interrupted'));
  await t.throwsAsync(async () => await unpacking);
  await build.close();
  t.deepEqual(await readdir(request.images), []);
});
