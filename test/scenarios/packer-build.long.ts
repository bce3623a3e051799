// An admin's own Packer makes the router: the real Packer of Debian, its real QEMU builder, under emulation, run to the end.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appliances } from '@isthmus/appliances';
import { createHost, silentLog } from '@isthmus/host';
import { fileOfKind, parseManifest } from '@isthmus/image-manifest';
import { availableLock } from '@isthmus/packer';
import test from 'ava';

const minutes = 60_000;
const checkout = new URL('../../', import.meta.url).pathname;

test('packer build installs the router on a disk of its own, and exports it for other hypervisors', async (t) => {
  t.timeout(30 * minutes);
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-packer-build-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const host = createHost({ log: silentLog });
  const { commands } = host;
  const images = join(directory, 'images');
  const lockText = await availableLock(host, appliances.router, 'amd64', '/var/cache/isthmus/debs');
  const lock = join(directory, 'router.lock');
  if (lockText !== null) await writeFile(lock, lockText);
  const words = ['router', '--format', 'iso', '--output', images, '--lock', lockText === null ? 'committed' : lock];
  const built = await commands.run(process.execPath, [join(checkout, 'packer/src/main.ts'), ...words], {
    timeoutMs: 10 * minutes,
    env: { ISTHMUS_IMAGE_KEYS: join(directory, 'keys') },
  });
  t.regex(built.stdout, /router\.iso/);
  const folder = join(images, 'router');
  const manifest = parseManifest(await readFile(join(folder, 'manifest.json')));
  t.truthy(fileOfKind(manifest, 'iso'));

  const output = join(directory, 'packer');
  const serial = join(directory, 'serial.log');
  const variables = {
    installer: join(folder, 'router.iso'),
    installer_checksum: `file:${join(folder, 'SHA256SUMS')}`,
    output_directory: output,
    accelerator: 'tcg',
    serial_log: serial,
    shutdown_timeout: '10m',
  };
  const given = Object.entries(variables).flatMap(([name, value]) => ['-var', `${name}=${value}`]);
  const definition = join(checkout, 'packer/definitions/router.json');
  const env = {
    CHECKPOINT_DISABLE: '1',
    HOME: directory,
    PACKER_CACHE_DIR: join(directory, 'cache'),
    PACKER_CONFIG: join(directory, 'config'),
    TMPDIR: directory,
  };
  // Interrupted, Packer ends its QEMU before itself; killed, it would leave it behind.
  const bounded = ['--signal=INT', '--kill-after=60', '840', 'packer', 'build', '-color=false', ...given, definition];
  const { stdout } = await commands.run('timeout', bounded, { timeoutMs: 16 * minutes, env });
  t.regex(stdout, /Build 'qemu' finished/);
  t.regex(await readFile(serial, 'latin1'), /isthmus installer: done/);

  const files = ['SHA256SUMS', 'router.qcow2', 'router.vhd', 'router.vhdx', 'router.vmdk'];
  t.deepEqual((await readdir(output)).sort(), files);
  await t.notThrowsAsync(
    commands.run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: output, timeoutMs: minutes }),
  );
  const raw = join(folder, 'router.raw');
  for (const [format, file] of [
    ['qcow2', 'router.qcow2'],
    ['vpc', 'router.vhd'],
    ['vhdx', 'router.vhdx'],
    ['vmdk', 'router.vmdk'],
  ] as const) {
    const compare = ['compare', '-f', 'raw', '-F', format, raw, join(output, file)];
    const { stdout: answer } = await commands.run('qemu-img', compare, { timeoutMs: 5 * minutes });
    t.regex(answer, /Images are identical/, `${file} is the disk that was built, besides the room behind it`);
  }
});
