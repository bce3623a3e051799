// An instance moves from one host to another while it runs. Two hosts with a libvirtd each; the streams between them are
// led by the test, as host agents lead them.
import { randomUUID } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { InstanceSpec, Nic } from '@isthmus/contract';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { guestImage } from './guest-image-fixture.ts';
import { createLibvirtDriver, type LibvirtDriver } from './libvirt-driver.ts';
import { createLibvirtHost, type LibvirtHost } from './libvirt-host-fixture.ts';
import type { MigrationSockets, MigrationTransport } from './migration.ts';
import { knockVnc } from './vnc-fixture.ts';

const patienceMs = 120_000;

/** Leads the streams to the sockets of another host of this test. */
function transportBetween(from: LibvirtHost, to: LibvirtHost, there: () => MigrationSockets): MigrationTransport {
  return {
    open: async (_destination, _id, sockets) => {
      const servers = await Promise.all(
        (['libvirt', 'memory', 'disks'] as const).map(async (stream) => {
          const server = createServer({ allowHalfOpen: true }, (near) => {
            const far = connect({ path: to.path(there()[stream]), allowHalfOpen: true });
            near.pipe(far).pipe(near);
            near.on('error', () => far.destroy());
            far.on('error', () => near.destroy());
          });
          const path = from.path(sockets[stream]);
          await new Promise<void>((resolve) => server.listen(path, resolve));
          await chmod(path, 0o600);
          return server;
        }),
      );
      return { fault: () => null, close: async () => void servers.map((server) => server.close()) };
    },
  };
}

test('an instance moves while it runs, with what it wrote to its disk', async (t) => {
  t.timeout(10 * 60_000);
  const image = await guestImage();
  const places: LibvirtHost[] = [];
  t.teardown(() => Promise.all(places.map((place) => place.remove())));
  const source = await createLibvirtHost();
  places.push(source);
  const target = await createLibvirtHost(source.installation);
  places.push(target);
  let sockets: MigrationSockets | null = null;
  const transport = transportBetween(source, target, () => {
    if (sockets === null) throw new Error('expected the destination to be ready');
    return sockets;
  });
  const make = async (place: LibvirtHost, migration?: MigrationTransport): Promise<LibvirtDriver> => {
    const { host, installation, state, run } = place;
    const bridges = place.bridges();
    await bridges.open([]);
    const context = {
      host,
      installation,
      state,
      run,
      bridges,
      imagePath: image.imagePath,
      accelerator: 'tcg' as const,
    };
    const driver = await createLibvirtDriver(migration === undefined ? context : { ...context, migration });
    await driver.open({ appliances: [], instances: [] });
    return driver;
  };
  const here = await make(source, transport);
  const there = await make(target);
  const id = randomUUID();
  const nic: Nic = {
    name: 'eth0' as Nic['name'],
    macAddress: parseMacAddress('02:00:00:00:00:05'),
    segment: { kind: 'guest', id: 'segment', vni: 5 },
    addresses: [parseIpv4Address('10.1.0.5')],
  };
  const spec: InstanceSpec = { hostname: 'guest' as InstanceSpec['hostname'], nics: [nic], machine: image.machine };
  const type = async (place: LibvirtHost, driver: LibvirtDriver, line: string) => {
    const { serial } = driver.consoles('instance', id);
    await place.host.commands.run('nc', ['-N', '-U', '-w', '1', serial], { input: `${line}\n` });
  };
  const says = async (driver: LibvirtDriver, text: string) => {
    const end = source.host.clock.monotonicMs() + patienceMs;
    while (!(await driver.serialTail('instance', id)).includes(text)) {
      if (source.host.clock.monotonicMs() > end) throw new Error(`the guest does not say ${text}`);
      await source.host.clock.sleep(200);
    }
  };
  await here.ensureInstance(id, spec);
  await says(here, 'isthmus guest: started');
  await type(
    source,
    here,
    'echo kept | dd of=/dev/vda bs=512 seek=8 conv=sync,fsync; word=$((6 * 7)); echo said $word',
  );
  await says(here, 'said 42');

  sockets = await there.receiveInstance(id, spec);
  t.is(await there.instancePresence(id), 'absent');
  const password = await here.vncPassword('instance', id);
  await here.migrateInstance(id, { hostId: 'there', address: '10.0.0.2', port: 8250 });
  t.is(await there.instancePresence(id), 'running');
  t.is(await here.instancePresence(id), 'absent');
  // Its screen is open to who had the password before.
  t.regex(password ?? '', /^.{8}$/);
  t.is(await there.vncPassword('instance', id), password);
  const { vnc } = there.consoles('instance', id);
  t.deepEqual(await knockVnc(target.path(vnc), password), { types: [2], isIn: true });
  t.deepEqual(await knockVnc(target.path(vnc), 'anything'), { types: [2], isIn: false });
  await here.removeInstance(id);
  t.deepEqual(
    [...(await source.processes()).values()].filter((line) => line.includes('-name guest=')),
    [],
  );

  await there.ensureInstance(id, spec);
  t.deepEqual(await there.broken('instance', [{ id, nics: spec.nics }]), []);
  await type(
    target,
    there,
    'echo 3 >/proc/sys/vm/drop_caches; echo "$word:$(dd if=/dev/vda bs=512 skip=8 count=1 | head -n 1)"',
  );
  await says(there, '42:kept');
  await there.removeEverything();
});
