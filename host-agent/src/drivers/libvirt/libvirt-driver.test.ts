// The driver with a real libvirtd and real guests, emulated. One host for the whole file; its tests follow each other.
import { randomUUID } from 'node:crypto';
import type { ApplianceSpec, InstanceSpec, Nic } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { listLinks } from '../../wiring/links.ts';
import { controlBridgeName, controlPortName, isPortOf, portName } from '../../wiring/names.ts';
import { guestImage } from './guest-image-fixture.ts';
import { createLibvirtDriver, type LibvirtDriver } from './libvirt-driver.ts';
import { createLibvirtHost, type LibvirtHost } from './libvirt-host-fixture.ts';

// Emulated guests boot in seconds, on a machine with more to do in tens of seconds.
const patienceMs = 120_000;

let place: LibvirtHost;
let host: Host;
let image: Awaited<ReturnType<typeof guestImage>>;
let bridges: ReturnType<LibvirtHost['bridges']>;

const id = randomUUID();
const address = parseIpv4Address('10.1.0.5');

function nic(index: number, vni: number, addresses: Nic['addresses'] = [address]): Nic {
  const macAddress = parseMacAddress(`02:00:00:00:${String(vni).padStart(2, '0')}:0${index}`);
  return {
    name: `eth${index}` as Nic['name'],
    macAddress,
    segment: { kind: 'guest', id: `segment-${vni}`, vni },
    addresses,
  };
}

function spec(...nics: Nic[]): InstanceSpec {
  return { hostname: 'guest' as InstanceSpec['hostname'], nics, machine: image.machine };
}

async function newDriver(instances: { id: string; spec: InstanceSpec }[] = []): Promise<LibvirtDriver> {
  const { installation, state, run } = place;
  bridges = place.bridges();
  await bridges.open([]);
  const { imagePath } = image;
  const driver = await createLibvirtDriver({ host, installation, state, run, bridges, imagePath, accelerator: 'tcg' });
  await driver.open({ appliances: [], instances });
  return driver;
}

async function waitFor(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = host.clock.monotonicMs() + patienceMs;
  while (!(await isSo())) {
    if (host.clock.monotonicMs() > end) throw new Error(`${what}: not within ${patienceMs} ms`);
    await host.clock.sleep(200);
  }
}

/** Process ids by program. */
async function pidsOf(program: string): Promise<number[]> {
  return [...(await place.processes())].flatMap(([pid, line]) => (line.split(' ')[0]?.endsWith(program) ? [pid] : []));
}

async function theQemu(): Promise<number | undefined> {
  return (await pidsOf('qemu-system-x86_64'))[0];
}

async function answers(from: Host): Promise<boolean> {
  const curl = ['--silent', '--max-time', '2', `http://${address}/`];
  return from.commands.run('curl', curl).then(
    ({ stdout }) => stdout.includes('hostname:'),
    () => false,
  );
}

/** Types a line on the guest's serial console. */
async function type(driver: LibvirtDriver, line: string): Promise<void> {
  const socket = place.path(driver.consoles('instance', id).serial);
  await host.commands.run('nc', ['-N', '-U', '-w', '1', socket.replace(/^\/proc\/\d+\/root/, '')], {
    input: `${line}\n`,
  });
}

test.before(async () => {
  image = await guestImage();
  place = await createLibvirtHost();
  ({ host } = place);
});
test.after.always(() => place?.remove());

test.serial('an instance boots, outlives drivers and libvirtd, and comes back when its QEMU is killed', async (t) => {
  t.timeout(10 * 60_000);
  const wanted = spec(nic(0, 7));
  const { kernel } = image.machine.image;
  const shared = [image.machine.image.sha256, kernel?.kernel ?? '', kernel?.initrd ?? ''].map(image.imagePath);
  const owners = async () => (await host.commands.run('stat', ['--format=%u:%g %a', ...shared])).stdout;
  const before = await owners();
  let driver = await newDriver();
  await driver.ensureInstance(id, wanted);
  const neighbour = await place.addNeighbour(
    bridges.nameOf(nic(0, 7).segment),
    '10.1.0.1',
    nic(0, 7).macAddress,
    address,
  );
  await waitFor('the guest answers', () => answers(neighbour));
  t.regex(await driver.serialTail('instance', id), /isthmus guest: started/);
  t.deepEqual(await owners(), before, 'what many machines share is not given to QEMU');
  const machines = [{ id, nics: wanted.nics }];
  t.deepEqual(await driver.broken('instance', machines), []);
  const first = await theQemu();

  driver = await newDriver([{ id, spec: wanted }]);
  await driver.ensureInstance(id, wanted);
  t.is(await theQemu(), first, 'another driver adopts it');

  for (const pid of await pidsOf('libvirtd')) host.commands.signal(pid, 'SIGKILL');
  await driver.ensureInstance(id, wanted);
  t.is(await theQemu(), first, 'it outlives libvirtd');
  t.is((await pidsOf('libvirtd')).length, 1);

  await host.commands.run('mount', ['-o', 'remount,size=2m', place.state]);
  await type(driver, 'dd if=/dev/zero of=/dev/vda bs=1M count=16 && echo "written $((6 * 7))"');
  await waitFor('the guest stands still', async () => (await driver.broken('instance', machines)).length > 0);
  await t.throwsAsync(driver.ensureInstance(id, wanted), {
    message: /stands still, since the disk of this host is full/,
  });
  await host.commands.run('mount', ['-o', 'remount,size=256m', place.state]);
  await driver.ensureInstance(id, wanted);
  await waitFor('the guest goes on', async () => (await driver.serialTail('instance', id)).includes('written 42'));
  t.is(await theQemu(), first, 'it outlives a full disk');

  const port = portName(place.installation, 'i', id, 0);
  await host.commands.run('ip', ['link', 'delete', 'dev', port]);
  t.deepEqual(await driver.broken('instance', machines), [id], 'a lost port is seen');
  await driver.ensureInstance(id, wanted);
  t.deepEqual(await driver.broken('instance', machines), []);
  t.is(await theQemu(), first, 'its NIC is plugged in anew');

  const two = spec(nic(0, 7), nic(1, 8, []));
  await driver.changeInstance(id, wanted, two);
  t.is(await theQemu(), first);
  await waitFor('the guest sees its second NIC', async () => {
    await type(driver, 'echo nics: $(cat /sys/class/net/eth*/address)');
    return (await driver.serialTail('instance', id)).includes(nic(1, 8).macAddress);
  });
  const moved = spec(nic(1, 8, []));
  await driver.changeInstance(id, two, moved);
  t.deepEqual(await driver.broken('instance', [{ id, nics: moved.nics }]), []);
  t.is(await theQemu(), first);
  const ports = (await listLinks(host.commands))
    .map(({ name }) => name)
    .filter((name) => isPortOf(place.installation, name));
  t.deepEqual(ports, [portName(place.installation, 'i', id, 1)], 'the NIC that stays keeps its port');

  host.commands.signal(first ?? 0, 'SIGKILL');
  await waitFor(
    'the dead QEMU is seen',
    async () => (await driver.broken('instance', [{ id, nics: moved.nics }])).length > 0,
  );
  await driver.ensureInstance(id, moved);
  const second = await theQemu();
  t.truthy(second);
  t.not(second, first);

  await driver.haltInstance(id);
  t.is(await theQemu(), undefined);
  t.true(await host.files.exists(`${place.state}/machines/i-${id.slice(0, 8)}/disk.qcow2`), 'its disk stays');
  await driver.removeInstance(id);
  t.deepEqual(await host.files.list(`${place.run}/machines`), []);
  t.false(await host.files.exists(`${place.state}/machines/i-${id.slice(0, 8)}`));
});

test.serial(
  'an appliance has a control NIC that meets the host alone, and a config drive that can be taken out',
  async (t) => {
    t.timeout(5 * 60_000);
    const driver = await newDriver();
    const appliance: ApplianceSpec = { kind: 'router', nics: [nic(0, 9, null)], machine: image.machine };
    const controlBridge = controlBridgeName(place.installation);
    await bridges.ensureControl(controlBridge, parseIpv4Address('169.254.8.1'), 22);
    const control = {
      macAddress: parseMacAddress('06:00:00:00:00:01'),
      address: parseIpv4Address('169.254.8.2'),
      prefixLength: 22,
      gateway: parseIpv4Address('169.254.8.1'),
    };
    const configDrive = `${place.state}/config.iso`;
    await host.files.writeText(configDrive, 'x'.repeat(2048), { mode: 0o600 });
    const extras = { control, controlBridge, configDrive };
    await driver.ensureAppliance(id, appliance, extras);
    const machines = [{ id, nics: appliance.nics }];
    t.deepEqual(await driver.broken('appliance', machines), []);
    const name = `ith-${place.installation}-r-${id.slice(0, 8)}`;
    const media = async () => {
      return (await host.commands.run('virsh', ['--connect', 'qemu:///system', 'domblklist', name])).stdout;
    };
    t.true((await media()).includes(configDrive));
    await driver.ejectConfigDrive(id);
    t.false((await media()).includes(configDrive));
    await driver.ejectConfigDrive(id);
    await driver.ensureAppliance(id, appliance, { ...extras, configDrive: null });
    const port = controlPortName(place.installation, id);
    const shown = await host.commands.run('ip', ['-details', '-json', 'link', 'show', 'dev', port]);
    t.regex(shown.stdout, /"isolated":true/);
    await host.commands.run('ip', ['link', 'set', 'dev', port, 'nomaster']);
    t.deepEqual(await driver.broken('appliance', machines), [id]);
    await driver.ensureAppliance(id, appliance, { ...extras, configDrive: null });
    t.deepEqual(await driver.broken('appliance', machines), []);
    await driver.removeAppliance(id);
    t.is(await theQemu(), undefined);
  },
);

test.serial('a start that fails leaves no port, no QEMU, and says why', async (t) => {
  const driver = await newDriver();
  const absent = { ...image.machine, image: { ...image.machine.image, sha256: '0'.repeat(64) } };
  const ports = async () => (await listLinks(host.commands)).filter(({ name }) => isPortOf(place.installation, name));
  await t.throwsAsync(driver.ensureInstance(id, { ...spec(nic(0, 7)), machine: absent }), {
    message: /expected it in this host's cache/,
  });
  t.deepEqual(await ports(), []);
  const greedy = { ...image.machine, memoryBytes: 2 ** 46 };
  await t.throwsAsync(driver.ensureInstance(id, { ...spec(nic(0, 7)), machine: greedy }), {
    message: /libvirt did not start it: .*memory/s,
  });
  t.deepEqual(await ports(), []);
  t.is(await theQemu(), undefined);
  await t.throwsAsync(driver.ensureInstance(id, { hostname: spec().hostname, nics: [nic(0, 7)] }), {
    message: /machine: expected one/,
  });
});

test.serial('everything goes, known or not, and libvirtd with it', async (t) => {
  t.timeout(5 * 60_000);
  await (await newDriver()).ensureInstance(id, spec(nic(0, 7)));
  await (await newDriver()).removeEverything();
  await bridges.removeAll();
  for (const program of ['qemu-system-x86_64', 'libvirtd', 'virtlogd']) t.deepEqual(await pidsOf(program), [], program);
  const names = (await listLinks(host.commands))
    .map(({ name }) => name)
    .filter((name) => name.startsWith(place.installation));
  t.deepEqual(
    names.filter((name) => !name.endsWith('-nb')),
    [],
  );
  t.false((await host.commands.run('ebtables-nft-save', [])).stdout.includes('ith-'));
  t.is(await host.files.readTextIfExists('/etc/libvirt/qemu.conf'), '');
});
