// Console proxies on simulated hosts without VMs: deployed, healed, counted, moved; an orchestrator that dies at any call.

import { parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { noteConsoleOrigin } from '../../store/console-origin.ts';
import type { Db } from '../../store/database.ts';
import { evacuate } from '../fencing.ts';
import { emptyHost, removeHost } from '../host.ts';
import type { Parts } from '../parts.ts';
import { type SimulatedCloud, startSimulatedCloud } from '../simulated-cloud-fixture.ts';
import { SimulatedVmHost } from '../simulated-vm-host-fixture.ts';
import { capacityRound } from './capacity.ts';
import { systemVmOrchestration } from './index.ts';
import type { SystemVm } from './rows.ts';
import { SystemVmMonitor } from './system-vm-monitor.ts';

let cloud: SimulatedCloud;
let parts: Parts;
let hosts: SimulatedVmHost[] = [];
let settings: Record<string, string> = {};
let monitor: SystemVmMonitor;

async function addRange(db: Db, zoneId: string): Promise<void> {
  const physical = await db.selectFrom('physical_network').select('id').executeTakeFirstOrThrow();
  const [gateway, netmask] = [parseIpv4Address('203.0.113.1'), parseIpv4Address('255.255.255.0')];
  const [first, last] = [parseIpv4Address('203.0.113.10'), parseIpv4Address('203.0.113.13')];
  const ends = { start_ip: first, end_ip: last, start_ipv6: null, end_ipv6: null, ip6_gateway: null, ip6_cidr: null };
  const owner = { account_id: null, domain_id: null };
  const { id } = await db
    .insertInto('vlan_ip_range')
    .values({
      zone_id: zoneId,
      physical_network_id: physical.id,
      vlan: 'untagged',
      gateway,
      netmask,
      ...ends,
      ...owner,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  for (let last = 10; last <= 13; last += 1) {
    const address = parseIpv4Address(`203.0.113.${last}`);
    const none = { account_id: null, domain_id: null, network_id: null, static_nat_nic_id: null, allocated: null };
    const more = { static_nat_private_address: null, static_nat_state: null };
    await db
      .insertInto('public_ip_address')
      .values({ address, address_number: last, vlan_ip_range_id: id, zone_id: zoneId, ...none, ...more })
      .execute();
  }
}

test.before(async () => {
  cloud = await startSimulatedCloud(2);
  const setting = async (name: string) => settings[name] ?? cloud.parts.setting(name);
  parts = { ...cloud.parts, setting };
  await addRange(cloud.db, cloud.zoneId);
  await noteConsoleOrigin(cloud.db, 'test', 'http://127.0.0.1:8080');
});
test.beforeEach(async () => {
  settings = {
    ...{ 'router.start.wait': '1', 'consoleproxy.launch.max': '3', 'consoleproxy.session.max': '10' },
    ...{ 'consoleproxy.capacity.standby': '2', 'consoleproxy.idle.wait': '0' },
  };
  await cloud.db.deleteFrom('system_vm').execute();
  await cloud.db.updateTable('public_ip_address').set({ state: 'Free', account_id: null, network_id: null }).execute();
  await cloud.reset();
  await cloud.network('looked at');
  hosts = [new SimulatedVmHost([]), new SimulatedVmHost([])];
  for (const [index, host] of hosts.entries()) {
    await host.open();
    const id = cloud.hostIds[index] ?? '';
    await cloud.db.updateTable('host').set({ url: host.url }).where('id', '=', id).execute();
  }
  monitor = new SystemVmMonitor(parts);
});
test.afterEach.always(async () => {
  await monitor.settle();
  for (const host of hosts) await host.close();
});
test.after.always(() => cloud?.close());

async function rows(): Promise<SystemVm[]> {
  return cloud.db.selectFrom('system_vm').selectAll().orderBy('created').execute();
}

/** One round as the orchestrator makes them, and everything that it begins. */
async function round(watch = monitor): Promise<void> {
  for (const [index, host] of hosts.entries()) {
    const id = cloud.hostIds[index] ?? '';
    const row = await cloud.db.selectFrom('host').select('state').where('id', '=', id).executeTakeFirst();
    if (row?.state !== 'Up') continue;
    const reports = [...host.vms].map(([vmId, vm]) => ({
      ...{ id: vmId, kind: 'console-proxy' as const, agent: null },
      state: vm.isRunning ? ('Running' as const) : ('Stopped' as const),
    }));
    await watch.look(id, reports);
  }
  await watch.round();
  await watch.settle();
}

function running(id: string): number {
  return hosts.filter((host) => host.vms.get(id)?.isRunning === true).length;
}

async function deployed(): Promise<SystemVm> {
  await round();
  await round();
  const [vm] = await rows();
  if (vm?.state !== 'Running') throw new Error(`no proxy runs: ${vm?.reason}`);
  return vm;
}

function carrierOf(vm: SystemVm): SimulatedVmHost {
  const host = hosts[cloud.hostIds.indexOf(vm.host_id ?? '')];
  if (host === undefined) throw new Error('it has no host');
  return host;
}

test.serial('a proxy is deployed with an address of the system, an identity and its document', async (t) => {
  const vm = await deployed();
  t.like(vm, { state: 'Running', bootstrapped: true, link_local_address: '169.254.20.7' });
  const host = carrierOf(vm);
  t.deepEqual(host.calls, ['PUT config-drive', 'PUT appliances', 'POST start', 'POST eject-config-drive']);
  t.deepEqual(host.vms.get(vm.id)?.serving, vm.acknowledged);
  const address = await cloud.db
    .selectFrom('public_ip_address')
    .select(['state', 'account_id'])
    .where('id', '=', vm.public_ip_address_id)
    .executeTakeFirst();
  t.deepEqual(address, { state: 'Allocated', account_id: null });
});

test.serial('many orchestrators that count at once deploy one', async (t) => {
  await Promise.all(Array.from({ length: 6 }, () => capacityRound(parts)));
  t.is((await rows()).length, 1);
});

test.serial('a setting reaches what runs by one push, and nothing is pushed again', async (t) => {
  const before = await deployed();
  settings['consoleproxy.session.timeout'] = '77';
  await round();
  await round();
  const [after] = await rows();
  t.is(Number(after?.generation), Number(before.generation) + 1);
  t.deepEqual(carrierOf(before).vms.get(before.id)?.serving, after?.acknowledged);
});

test.serial('one that ended is started again as it was', async (t) => {
  const vm = await deployed();
  await carrierOf(vm).vms.get(vm.id)?.halt();
  await round();
  t.is(running(vm.id), 1);
  t.like((await rows())[0], { state: 'Running', host_id: vm.host_id, public_ip_address_id: vm.public_ip_address_id });
});

test.serial('one that says that it is not well is rebooted, after the second look in a row', async (t) => {
  const vm = await deployed();
  const boots = carrierOf(vm).vms.get(vm.id)?.boots;
  const isIll = { reported: new Date(), healthy: false };
  await cloud.db.updateTable('system_vm').set(isIll).where('id', '=', vm.id).execute();
  await round();
  t.is(carrierOf(vm).vms.get(vm.id)?.boots, boots);
  await round();
  t.true((carrierOf(vm).vms.get(vm.id)?.boots ?? 0) > (boots ?? 0));
  const [after] = await rows();
  t.like(after, { state: 'Running', reported: null });
  const alert = await cloud.db
    .selectFrom('alert')
    .select('resolved')
    .where('resource_id', '=', vm.id)
    .executeTakeFirst();
  t.deepEqual(alert, { resolved: null });
});

test.serial('a lost host that is off gives its proxy to another', async (t) => {
  const vm = await deployed();
  const lost = carrierOf(vm);
  await lost.vms.get(vm.id)?.halt();
  const off = { state: 'Down', fenced: new Date() } as const;
  const host = await cloud.db
    .updateTable('host')
    .set(off)
    .where('id', '=', vm.host_id ?? '')
    .returningAll()
    .executeTakeFirstOrThrow();
  await evacuate(parts, host).catch(() => undefined);
  const [moved] = await rows();
  t.is(moved?.state, 'Running');
  t.not(moved?.host_id, vm.host_id);
  t.is(running(vm.id), 1);
});

test.serial('a host that is emptied gives its proxy to another; the last host is removed with it', async (t) => {
  const vm = await deployed();
  await cloud.db.deleteFrom('router').execute();
  await emptyHost(parts, vm.host_id ?? '');
  const [moved] = await rows();
  t.not(moved?.host_id, vm.host_id);
  t.is(running(vm.id), 1);
  await removeHost(parts, vm.host_id ?? '', false);
  await removeHost(parts, moved?.host_id ?? '', false);
  t.deepEqual(await rows(), []);
  t.is(running(vm.id), 0);
});

test.serial('stopped it stays stopped, started it serves, destroyed it leaves its address', async (t) => {
  const vm = await deployed();
  settings['consoleproxy.launch.max'] = '1';
  const orchestration = systemVmOrchestration(parts);
  await orchestration.stopSystemVm(vm.id, { forced: false });
  await round();
  t.is((await rows())[0]?.state, 'Stopped');
  t.is(running(vm.id), 0);
  await orchestration.startSystemVm(vm.id);
  await orchestration.rebootSystemVm(vm.id);
  await orchestration.scaleSystemVm(vm.id);
  t.is((await rows())[0]?.state, 'Running');
  await orchestration.migrateSystemVm(vm.id, null);
  t.not((await rows())[0]?.host_id, vm.host_id);
  await orchestration.destroySystemVm(vm.id);
  t.deepEqual(await rows(), []);
  const used = await cloud.db
    .selectFrom('public_ip_address')
    .select('state')
    .where('id', '=', vm.public_ip_address_id)
    .executeTakeFirst();
  t.is(used?.state, 'Free');
});

test.serial('whichever call fails, one proxy runs in the end', async (t) => {
  for (const refused of ['PUT config-drive', 'PUT', 'POST start', 'POST eject-config-drive']) {
    await cloud.db.deleteFrom('system_vm').execute();
    for (const host of hosts) host.refused.add(refused);
    await round();
    await round();
    for (const host of hosts) host.refused.clear();
    // As a new orchestrator: it remembers no pause.
    const next = new SystemVmMonitor(parts);
    await round(next);
    await round(next);
    const [vm, ...others] = await rows();
    t.deepEqual(others, [], refused);
    t.is(vm?.state, 'Running', refused);
    t.is(running(vm?.id ?? ''), 1, refused);
  }
});
