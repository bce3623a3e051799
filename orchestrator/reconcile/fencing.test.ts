// Hosts that are lost: whatever the order of failures, no machine is started twice, and all runs again in the end.
import test from 'ava';
import fc from 'fast-check';
import { fence } from './fencing.ts';
import { reconnectHost } from './host.ts';
import { createInstance, type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';
import { twinOf } from './twin-host.ts';
import { startVirtualMachine } from './virtual-machine.ts';

let cloud: SimulatedCloud;
test.before(async () => {
  cloud = await startSimulatedCloud(3);
});
test.beforeEach(() => cloud.reset());
test.after.always(() => cloud?.close());

async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round++) await cloud.round();
}

async function routerRow(id: string) {
  return cloud.db.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

async function hostRow(index: number) {
  const id = cloud.hostIds[index] ?? '';
  return cloud.db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

async function carrierOf(routerId: string) {
  const index = cloud.hostIds.indexOf((await routerRow(routerId)).host_id ?? '');
  const host = cloud.hosts[index];
  if (host === undefined) throw new Error('the router has no host');
  return { index, host };
}

test.serial('a host that loses its power is fenced, and its router starts elsewhere once', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, index } = await carrierOf(routerId);
  host.powerOff();
  await cloud.round();
  t.is((await hostRow(index)).state, 'Up', 'one silent round is not enough');
  await cloud.round();
  const lost = await hostRow(index);
  t.is(lost.state, 'Down');
  t.not(lost.fenced, null);
  const router = await routerRow(routerId);
  t.is(router.state, 'Running');
  t.not(router.host_id, cloud.hostIds[index]);
  t.true((await carrierOf(routerId)).host.isRunning(routerId));
  t.deepEqual(cloud.twice, []);
});

test.serial('a host that is cut off is powered off before its router starts elsewhere', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host } = await carrierOf(routerId);
  host.cutNetwork();
  await rounds(2);
  t.false(host.isOn);
  t.true((await carrierOf(routerId)).host.isRunning(routerId));
  t.deepEqual(cloud.twice, []);
});

test.serial('without a confirmed power-off there is an alert, once, and no second start', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, index } = await carrierOf(routerId);
  host.cutNetwork();
  host.isControllerReachable = false;
  await rounds(6);
  const lost = await hostRow(index);
  t.is(lost.state, 'Alert');
  t.regex(lost.reason ?? '', /192\.0\.2\.200.*does not answer.*declareHostAsDegraded/);
  t.is((await routerRow(routerId)).host_id, lost.id);
  t.true(host.isRunning(routerId));
  const alerts = await cloud.db.selectFrom('event').selectAll().where('type', '=', 'ALERT.COMPUTE.HOST').execute();
  t.is(alerts.length, 1);
  host.isReachable = true;
  await cloud.round();
  t.is((await hostRow(index)).state, 'Up');
  t.is((await hostRow(index)).reason, null);
  t.true(host.isRunning(routerId));
});

test.serial('a host without out-of-band management waits for the word of an admin', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, index } = await carrierOf(routerId);
  await cloud.db.deleteFrom('out_of_band_management').execute();
  host.powerOff();
  await rounds(3);
  t.is((await hostRow(index)).state, 'Alert');
  t.is((await routerRow(routerId)).host_id, cloud.hostIds[index] ?? '');
  await declareDegraded(index);
  await cloud.round();
  t.true((await carrierOf(routerId)).host.isRunning(routerId));
  t.not((await carrierOf(routerId)).index, index);
});

async function declareDegraded(index: number): Promise<void> {
  await cloud.db
    .updateTable('host')
    .set({ state: 'Down', resource_state: 'Degraded', fenced: new Date() })
    .where('id', '=', cloud.hostIds[index] ?? '')
    .where('state', 'in', ['Alert', 'Disconnected'])
    .execute();
}

test.serial('a controller of another host confirms nothing', async (t) => {
  const { routerId } = await cloud.network('one');
  const { index } = await carrierOf(routerId);
  const other = (index + 1) % 3;
  await cloud.db
    .updateTable('out_of_band_management')
    .set({ port: other + 1 })
    .where('host_id', '=', cloud.hostIds[index] ?? '')
    .execute();
  const { host } = await carrierOf(routerId);
  host.cutNetwork();
  const cut = setInterval(() => {
    // It is reached again while it is being fenced.
    if (cloud.hosts[other]?.isOn === false) host.isReachable = true;
  }, 1);
  await rounds(2);
  clearInterval(cut);
  t.deepEqual(cloud.twice, []);
});

test.serial('an orchestrator that stood still does not switch off a host that another has taken back', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, index } = await carrierOf(routerId);
  host.isControllerReachable = false;
  host.cutNetwork();
  await rounds(2);
  const lost = await hostRow(index);
  t.is(lost.state, 'Alert');
  host.isControllerReachable = true;
  host.isReachable = true;
  await reconnectHost(cloud.parts, lost.id);
  t.false(await fence(cloud.parts, lost));
  t.true(host.isRunning(routerId));
  t.is((await hostRow(index)).state, 'Up');
});

test.serial('a host that returns is Up only when it no longer has what runs elsewhere', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, index } = await carrierOf(routerId);
  host.powerOff();
  await rounds(2);
  t.true(host.appliances.has(routerId), 'its disk still has it');
  host.powerOn();
  await cloud.round();
  t.false(host.appliances.has(routerId));
  const back = await hostRow(index);
  t.is(back.state, 'Up');
  t.is(back.fenced, null);
  await cloud.lookAtRouters();
  t.true((await carrierOf(routerId)).host.isRunning(routerId));
  t.deepEqual(cloud.twice, []);
});

test.serial('one host agent under two urls: neither row takes from it what the other one has', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, index } = await carrierOf(routerId);
  const row = await hostRow(index);
  const url = host.url.replace(/\/([^/]+)$/, '/./$1');
  const { zone_id, pod_id, cluster_id, driver, cpus, memory, version } = row;
  const same = { zone_id, pod_id, cluster_id, driver, cpus, memory, version };
  const { id } = await cloud.db
    .insertInto('host')
    .values({ ...same, name: 'again', url, state: 'Disconnected', last_pinged: null })
    .returning('id')
    .executeTakeFirstOrThrow();
  t.teardown(() => cloud.db.deleteFrom('host').where('id', '=', id).execute());
  const before = host.report();
  t.is(await twinOf(cloud.parts, before, id), row.name);
  t.is(await twinOf(cloud.parts, { ...before, pid: before.pid + 1 }, id), null);
  const error = await t.throwsAsync(reconnectHost(cloud.parts, id));
  t.is(error?.message, `host again is host ${row.name}, which is at another url: remove one of them`);
  await rounds(2);
  t.true(host.isRunning(routerId));
});

test.serial('an instance with HA moves; one without is stopped and keeps its host', async (t) => {
  const { networkId } = await cloud.network('one');
  const ids = [await createInstance(cloud, networkId, 1, true), await createInstance(cloud, networkId, 2, false)];
  for (const id of ids) await startVirtualMachine(cloud.parts, id);
  const machine = async (id = '') =>
    cloud.db.selectFrom('virtual_machine').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const [before] = await Promise.all(ids.map(machine));
  await cloud.db
    .updateTable('virtual_machine')
    .set({ host_id: before?.host_id ?? null })
    .execute();
  const index = cloud.hostIds.indexOf(before?.host_id ?? '');
  cloud.hosts[index]?.powerOff();
  await rounds(2);
  const withHa = await machine(ids[0]);
  t.is(withHa.state, 'Running');
  t.not(withHa.host_id, cloud.hostIds[index]);
  t.true(cloud.hosts[cloud.hostIds.indexOf(withHa.host_id ?? '')]?.isRunning(withHa.id));
  const without = await machine(ids[1]);
  t.is(without.state, 'Stopped');
  t.is(without.reason, `Its host host${index + 1} went down`);
  t.is(without.host_id, cloud.hostIds[index] ?? '');
});

test.serial('an instance that was being moved is not started beside the one that has arrived', async (t) => {
  const { networkId } = await cloud.network('one');
  const id = await createInstance(cloud, networkId, 1, true);
  await startVirtualMachine(cloud.parts, id);
  const machine = () =>
    cloud.db.selectFrom('virtual_machine').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const from = cloud.hostIds.indexOf((await machine()).host_id ?? '');
  const [to, other] = [(from + 1) % 3, (from + 2) % 3];
  await cloud.db.updateTable('virtual_machine').set({ state: 'Migrating' }).where('id', '=', id).execute();
  cloud.hosts[to]?.instances.set(id, { running: true, serving: null, dark: false });
  cloud.hosts[from]?.powerOff();
  await rounds(3);
  t.like(await machine(), { state: 'Running', host_id: cloud.hostIds[to] });
  t.false(cloud.hosts[other]?.isRunning(id));
  t.deepEqual(cloud.twice, []);
});

test.serial('an instance whose move reached no host starts elsewhere', async (t) => {
  const { networkId } = await cloud.network('one');
  const id = await createInstance(cloud, networkId, 1, true);
  await startVirtualMachine(cloud.parts, id);
  const { host_id: from } = await cloud.db
    .updateTable('virtual_machine')
    .set({ state: 'Migrating' })
    .where('id', '=', id)
    .returning('host_id')
    .executeTakeFirstOrThrow();
  cloud.hosts[cloud.hostIds.indexOf(from ?? '')]?.powerOff();
  await rounds(3);
  t.is(cloud.hosts.filter((host) => host.isRunning(id)).length, 1);
  t.deepEqual(cloud.twice, []);
});

test.serial('where no host is left, the router waits for one and starts once', async (t) => {
  const { routerId } = await cloud.network('one');
  for (const host of cloud.hosts) host.powerOff();
  await rounds(3);
  t.deepEqual(await Promise.all([0, 1, 2].map(async (index) => (await hostRow(index)).state)), [
    'Down',
    'Down',
    'Down',
  ]);
  const waiting = await routerRow(routerId);
  t.is(waiting.state, 'Error');
  t.regex(waiting.reason ?? '', /No host of the zone can take router/);
  const other = ((await carrierOf(routerId)).index + 1) % 3;
  cloud.hosts[other]?.powerOn();
  await rounds(2);
  t.true(cloud.hosts[other]?.isRunning(routerId));
  t.is((await routerRow(routerId)).state, 'Running');
  t.deepEqual(cloud.twice, []);
});

test.serial('tunnels span the hosts that may carry segments, and leave a fenced one out', async (t) => {
  await cloud.round();
  t.deepEqual(cloud.hosts[0]?.tunnels.at(-1), ['192.0.2.102', '192.0.2.103']);
  cloud.hosts[2]?.powerOff();
  await rounds(3);
  t.deepEqual(cloud.hosts[0]?.tunnels.at(-1), ['192.0.2.102']);
  cloud.hosts[2]?.powerOn();
  await rounds(2);
  t.deepEqual(cloud.hosts[0]?.tunnels.at(-1), ['192.0.2.102', '192.0.2.103']);
});

test.serial('guests are told the MTU that every tunnel of their zone has', async (t) => {
  const { networkId, routerId } = await cloud.network('one');
  const mtuOf = async () => {
    const rows = await cloud.db.selectFrom('router_entry').selectAll().where('router_id', '=', routerId).execute();
    const dhcp = rows.find(({ collection, entry_id: id }) => collection === 'settings' && id === 'dhcp');
    return (dhcp?.entry as { mtu?: number } | undefined)?.mtu;
  };
  t.is(await mtuOf(), undefined);
  for (const [index, host] of cloud.hosts.entries()) host.guestMtu = [1500, 1450, 8950][index] ?? null;
  await rounds(2);
  await cloud.parts.updates.request(networkId);
  t.is(await mtuOf(), 1450);
});

/** One thing that happens: to a host, counted from the one that carries the first router, or to the orchestrator. */
type Happening =
  | { readonly kind: (typeof hostKinds)[number]; readonly host: number }
  | { readonly kind: 'round' | 'look' | 'restart' };

const hostKinds = ['lose', 'cut', 'mend', 'crash', 'boot', 'breakController', 'mendController', 'declare'] as const;
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom(...hostKinds), host: fc.constantFrom(0, 0, 0, 1, 2) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('round', 'round', 'look', 'restart') }) },
);

async function happen(what: Happening, routerId: string): Promise<void> {
  if (what.kind === 'round') return rounds(2);
  if (what.kind === 'look') return cloud.lookAtRouters();
  if (what.kind === 'restart') return cloud.restart();
  if (!('host' in what)) return;
  const index = ((await carrierOf(routerId)).index + what.host) % cloud.hosts.length;
  const host = cloud.hosts[index];
  if (host === undefined) return;
  if (what.kind === 'lose') host.isControllerReachable = false;
  if (what.kind === 'lose' || what.kind === 'cut') host.cutNetwork();
  else if (what.kind === 'mend') host.isReachable = true;
  else if (what.kind === 'crash') host.powerOff();
  else if (what.kind === 'boot') host.powerOn();
  else if (what.kind === 'breakController') host.isControllerReachable = false;
  else if (what.kind === 'mendController') host.isControllerReachable = true;
  // An admin looks before giving the word.
  else if (!host.isOn) await declareDegraded(index);
}

test.serial('whatever fails in whatever order, no router ever runs twice, and every one runs in the end', async (t) => {
  t.timeout(240_000);
  const property = fc.asyncProperty(fc.array(happening, { minLength: 8, maxLength: 24 }), async (happenings) => {
    await cloud.reset();
    const first = (await cloud.network('one')).routerId;
    const routers = [first, (await cloud.network('two')).routerId];
    for (const what of happenings) {
      await happen(what, first);
      for (const id of routers) {
        const running = cloud.hosts.filter((host) => host.isRunning(id)).map(({ name }) => name);
        t.true(running.length <= 1, `router runs on ${running.join(', ')} after ${JSON.stringify(what)}`);
      }
    }
    t.deepEqual(cloud.twice, []);
    for (const host of cloud.hosts) {
      host.isControllerReachable = true;
      host.isReachable = true;
      host.powerOn();
    }
    for (let round = 0; round < 6; round++) {
      await cloud.round();
      await cloud.lookAtRouters();
    }
    for (const id of routers) {
      t.is(cloud.hosts.filter((host) => host.isRunning(id)).length, 1);
      t.is(cloud.hosts.filter((host) => host.appliances.has(id)).length, 1, 'nobody else still has it');
      const row = await routerRow(id);
      t.is(row.state, 'Running');
      t.true((await carrierOf(id)).host.isRunning(id));
    }
    t.deepEqual(cloud.twice, []);
  });
  await fc.assert(property, { numRuns: 50 });
});
