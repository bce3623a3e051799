// An instance moves between two hosts that joined by token, while it runs: the same kernel and processes go on there.
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type Cloud, createCloud, type Instance, type Tenant } from '../lab/cloud.ts';
import { answererOf, findLeaks } from '../lab/index.ts';

const patiently = { timeoutMs: 5000 };

let cloud: Cloud;
let tenant: Tenant;
let web: Instance;
let url: string;
test.before(async (t) => {
  t.timeout(900_000);
  cloud = await createCloud({ hosts: ['libvirt', 'libvirt'] });
  tenant = await cloud.tenant('alice', { egressDefault: true });
  web = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
  url = `http://${ip.address}:8080/`;
});
test.after.always(async () => {
  await cloud?.teardown();
});

/** Index of the hypervisor that carries the instance, by its QEMU. Throws unless there is exactly one. */
async function place(): Promise<number> {
  const found = await cloud.lab.hypervisors.emulators('i', web.id);
  const [only] = found;
  if (only === undefined || found.length > 1) throw new Error(`expected one QEMU, found ${found.length}`);
  return only.hypervisor;
}

/** What a shell in the instance says to a line. */
async function says(line: string): Promise<string> {
  const { stdout } = await web.host.commands.run('sh', ['-c', line], { timeoutMs: 60_000 });
  return stdout.trim();
}

/** Names of the VMs' ports on a hypervisor, and of the files of this instance. */
async function traces(index: number): Promise<string[]> {
  const { lab } = cloud;
  const { host } = lab.hypervisors.at(index);
  const folders = await Promise.all(
    [lab.state, lab.run].map(async (path) => {
      const names = await host.files.list(`${path}/machines`);
      return names.filter((name) => name.startsWith('i-')).map((name) => `${path}/machines/${name}`);
    }),
  );
  const { stdout } = await host.commands.run('ip', ['-details', '-oneline', 'link', 'show']);
  const taps = stdout.split('\n').filter((line) => / tun /.test(line) && line.includes(web.macAddress.slice(3)));
  return [...folders.flat(), ...taps];
}

test.serial('its processes go on at the other host, and it is reached there through its router', async (t) => {
  t.timeout(900_000);
  t.is(await answererOf(cloud.lab.internet, url, patiently), 'web');
  const source = await place();
  const target = 1 - source;
  const counter = 'i=0; while sleep 0.2; do i=$((i + 1)); echo $i >/tmp/count; done';
  const pid = await says(`echo 0 >/tmp/count; (${counter}) </dev/null >/dev/null 2>&1 & echo $!`);
  await waitFor('the counter counts', async () => Number(await says('cat /tmp/count')) > 3, 60_000);
  const before = {
    count: Number(await says('cat /tmp/count')),
    bootId: await says('cat /proc/sys/kernel/random/boot_id'),
    uptime: Number((await says('cat /proc/uptime')).split(' ')[0]),
  };
  t.true((await traces(source)).length >= 2, 'what is looked for afterwards is there before');

  const began = performance.now();
  const hostid = cloud.hostIds[target] ?? '';
  await cloud.admin.run('migrateVirtualMachine', { virtualmachineid: web.id, hostid });
  t.log(`moved within ${Math.round(performance.now() - began)} ms`);

  t.is(await place(), target);
  const [row] = await cloud.admin.list('listVirtualMachines', { listall: true, id: web.id });
  t.like(row, { hostid, state: 'Running' });
  t.is(await says('cat /proc/sys/kernel/random/boot_id'), before.bootId);
  t.true(Number((await says('cat /proc/uptime')).split(' ')[0]) > before.uptime);
  await says(`kill -0 ${pid}`);
  await waitFor('the counter goes on', async () => Number(await says('cat /tmp/count')) > before.count, 60_000);
  const answers = () => answererOf(cloud.lab.internet, url, patiently);
  t.is(await waitFor('an answer from the other host', answers, 60_000), 'web');
  t.deepEqual(await traces(source), [], 'nothing of it stays where it was');
});

test.serial('a move that breaks off leaves it where it runs', async (t) => {
  t.timeout(600_000);
  const source = await place();
  const target = 1 - source;
  const bootId = await says('cat /proc/sys/kernel/random/boot_id');
  await cloud.lab.hypervisors.killHostAgent(target);
  const hostid = cloud.hostIds[target] ?? '';
  await t.throwsAsync(cloud.admin.run('migrateVirtualMachine', { virtualmachineid: web.id, hostid }));
  t.is(await place(), source);
  t.is(await says('cat /proc/sys/kernel/random/boot_id'), bootId);
  await cloud.lab.hypervisors.startHostAgent(target);
  await cloud.hostReaches(target, 'Up', 120_000);
  t.deepEqual(await traces(target), []);
  const back = () => cloud.admin.run('migrateVirtualMachine', { virtualmachineid: web.id, hostid });
  await t.notThrowsAsync(back());
  t.is(await place(), target);
  t.is(await says('cat /proc/sys/kernel/random/boot_id'), bootId);
});

test.serial('nothing of it remains', async (t) => {
  const { machine, installation } = cloud.lab;
  await cloud.teardown();
  t.deepEqual(await findLeaks(machine, installation), []);
});
