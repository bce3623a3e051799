// Each VM's screen has a password of its own, which libvirt hands to QEMU and tells the host agent. Its guest need not boot.
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { InstanceSpec, Nic } from '@isthmus/contract';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { VirtualMachineConsoles } from '../../consoles/machine-consoles.ts';
import { guestImage } from './guest-image-fixture.ts';
import { createLibvirtDriver } from './libvirt-driver.ts';
import { createLibvirtHost, type LibvirtHost } from './libvirt-host-fixture.ts';
import { knockVnc } from './vnc-fixture.ts';

test('a screen is open to who has its password, and that is kept with the machine', async (t) => {
  t.timeout(5 * 60_000);
  const image = await guestImage();
  const place: LibvirtHost = await createLibvirtHost();
  t.teardown(() => place.remove());
  const { host, installation, state, run } = place;
  const make = async () => {
    const bridges = place.bridges();
    await bridges.open([]);
    const { imagePath } = image;
    const driver = await createLibvirtDriver({
      host,
      installation,
      state,
      run,
      bridges,
      imagePath,
      accelerator: 'tcg',
    });
    await driver.open({ appliances: [], instances: [] });
    return driver;
  };
  const driver = await make();
  const nic = (index: number): Nic => ({
    name: 'eth0' as Nic['name'],
    macAddress: parseMacAddress(`02:00:00:00:00:0${index}`),
    segment: { kind: 'guest', id: 'segment', vni: 5 },
    addresses: [parseIpv4Address(`10.1.0.${index}`)],
  });
  const spec = (index: number): InstanceSpec => ({
    hostname: 'guest' as InstanceSpec['hostname'],
    nics: [nic(index)],
    machine: image.machine,
  });
  const [one, two] = [randomUUID(), randomUUID()];
  await driver.ensureInstance(one, spec(5));
  await driver.ensureInstance(two, spec(6));
  const screen = (id: string) => place.path(driver.consoles('instance', id).vnc);
  const password = (await driver.vncPassword('instance', one)) ?? '';
  const other = (await driver.vncPassword('instance', two)) ?? '';
  t.regex(password, /^[A-Za-z0-9_-]{8}$/);
  t.not(password, other);
  t.deepEqual(await knockVnc(screen(one), password), { types: [2], isIn: true });
  t.deepEqual(await knockVnc(screen(one), other), { types: [2], isIn: false });
  t.deepEqual(await knockVnc(screen(one), null), { types: [2], isIn: false });
  t.deepEqual(await knockVnc(screen(two), other), { types: [2], isIn: true });

  // It stands in no command line, in no file that others than root may read, and a new host agent knows it.
  for (const line of (await place.processes()).values()) t.false(line.includes(password));
  const { stdout } = await host.commands.run('find', [state, run, '/run', '-type', 'f', '-perm', '/077']);
  for (const path of new Set(stdout.split('\n').filter((each) => each !== ''))) {
    const text = await readFile(place.path(path)).catch(() => Buffer.alloc(0));
    t.false(text.includes(password), path);
  }
  const next = await make();
  await next.ensureInstance(one, spec(5));
  t.is(await next.vncPassword('instance', one), password);

  // As grants tell it, with several who look at once.
  const at = (id: string) => {
    const { vnc, serial, serialLog } = next.consoles('instance', id);
    return { vnc: place.path(vnc), serial: place.path(serial), serialLog };
  };
  const consoles = new VirtualMachineConsoles(host, {
    consoles: (_kind, id) => at(id),
    vncPassword: (kind, id) => next.vncPassword(kind, id),
  });
  t.teardown(() => consoles.end());
  const source = await consoles.source({ machine: 'instance', id: one, console: 'vnc' });
  t.deepEqual(source.security, { types: ['VncAuth'], password });
  const streams = await Promise.all(Array.from({ length: 12 }, () => source.open()));
  for (const stream of streams) {
    const greeting = await new Promise((resolve) => stream.once('data', (data) => resolve(String(data))));
    t.is(greeting, 'RFB 003.008\n');
    stream.destroy();
  }

  // The serial port of a guest that boots: two look, one of them from the middle on.
  const serial = await consoles.source({ machine: 'instance', id: one, console: 'serial' });
  t.deepEqual(serial.security, { types: ['None'] });
  const heard: string[] = ['', ''];
  const look = async (index: number) => {
    const stream = await serial.open();
    stream.setEncoding('utf8').on('data', (text: string) => {
      heard[index] += text;
    });
    return stream;
  };
  const until = async (what: string, isSo: () => boolean) => {
    const end = host.clock.monotonicMs() + 150_000;
    while (!isSo()) {
      if (host.clock.monotonicMs() > end) throw new Error(`${what} does not come: ${JSON.stringify(heard)}`);
      await host.clock.sleep(100);
    }
  };
  const first = await look(0);
  await until('the boot', () => heard[0]?.includes('isthmus guest: started') === true);
  const second = await look(1);
  await until('the history', () => heard[1]?.includes('isthmus guest: started') === true);
  first.write('echo $((40 + 2))-first\n');
  await until('an answer', () => heard.every((text) => text.includes('42-first')));
  second.write('echo $((40 + 2))-second\n');
  await until('another', () => heard.every((text) => text.includes('42-second')));

  await next.removeInstance(one);
  await t.throwsAsync(next.vncPassword('instance', one), { message: /expected its domain to run/ });
  await t.throwsAsync(source.open(), { message: new RegExp(`console vnc of instance ${one}: does not answer`) });
  await next.removeEverything();
});
