// A router replaced by another one, with its orchestrator dying, or a call failing, at every call that it makes.
import test, { type ExecutionContext } from 'ava';
import { restartNetwork } from './network.ts';
import { type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';
import type { CallFault } from './simulated-host-fixture.ts';

let cloud: SimulatedCloud;
test.before(async () => {
  cloud = await startSimulatedCloud(2);
});
test.beforeEach(() => cloud.reset());
test.after.always(() => cloud?.close());

function lit(): string[] {
  return cloud.hosts.flatMap(({ appliances }) =>
    [...appliances].flatMap(([id, { dark, running }]) => (running && !dark ? [id] : [])),
  );
}

/** Faults by the number of the call from now on, and what was seen of all calls. */
function watchCalls(faultAt: (index: number, call: string) => CallFault | null) {
  const seen = { calls: [] as string[], twins: [] as string[] };
  for (const host of cloud.hosts) {
    host.faultOf = (call) => {
      seen.calls.push(call);
      return faultAt(seen.calls.length - 1, call);
    };
    host.onAnswered = (call) => {
      if (lit().length > 1) seen.twins.push(call);
    };
  }
  return seen;
}

function unwatch(): void {
  for (const host of cloud.hosts) Object.assign(host, { faultOf: () => null, onAnswered: () => {} });
}

/** One router in the rows, running and lit on its host, with the addresses of the first one. */
async function assertOneRouter(t: ExecutionContext, networkId: string, macAddress: string, where: string) {
  const rows = await cloud.db.selectFrom('router').selectAll().where('network_id', '=', networkId).execute();
  t.is(rows.length, 1, where);
  const [row] = rows;
  t.like(row, { state: 'Running', replaces: null, is_taking_over: false, guest_mac_address: macAddress }, where);
  t.deepEqual(lit(), [row?.id ?? ''], where);
  t.is(
    cloud.hosts.reduce((sum, { appliances }) => sum + appliances.size, 0),
    1,
    where,
  );
  return row;
}

async function firstRouter(name: string) {
  const { networkId, routerId } = await cloud.network(name);
  const row = await cloud.db.selectFrom('router').selectAll().where('id', '=', routerId).executeTakeFirstOrThrow();
  return { networkId, row };
}

test.serial('the new router is built dark, and changes places with the old one by one call', async (t) => {
  const { networkId, row } = await firstRouter('one');
  const seen = watchCalls(() => null);
  await restartNetwork(cloud.parts, networkId, true);
  unwatch();
  t.deepEqual(seen.twins, []);
  const now = await assertOneRouter(t, networkId, row.guest_mac_address, 'after');
  t.not(now?.id, row.id);
  t.is(now?.host_id, row.host_id);
  t.is(seen.calls.filter((call) => call.endsWith('/ports')).length, 1);
});

for (const fault of ['lost', 'untold'] as const) {
  for (const dies of [true, false]) {
    const what = dies ? 'an orchestrator that dies at any of its calls' : 'a failure of any call';
    test.serial(`${what} (${fault}) leaves one router that serves, and never two`, async (t) => {
      let calls = 1;
      let replaced = 0;
      for (let index = 0; index < calls; index += 1) {
        await cloud.reset();
        const { networkId, row } = await firstRouter('one');
        const at = watchCalls((number) => (number === index || (dies && number > index) ? fault : null));
        // Whoever is dead has no effect, also with what it does because of its death.
        if (dies && fault === 'untold') {
          for (const host of cloud.hosts) {
            host.faultOf = (call) => {
              at.calls.push(call);
              if (at.calls.length - 1 === index) return 'untold';
              return at.calls.length - 1 > index ? 'lost' : null;
            };
          }
        }
        const failure = await restartNetwork(cloud.parts, networkId, true).then(
          () => null,
          (error: unknown) => error,
        );
        const where = `call ${index} ${at.calls[index] ?? ''}: ${String(failure)}`;
        calls = Math.max(calls, Math.min(at.calls.length, index + 2));
        unwatch();
        t.deepEqual(at.twins, [], where);
        t.true(lit().length === 1, where);
        await cloud.parts.lock.hold(networkId, (lease) => cloud.parts.pusher.bringUpToDate(networkId, lease));
        const now = await assertOneRouter(t, networkId, row.guest_mac_address, where);
        if (now?.id !== row.id) replaced += 1;
        if (failure === null) t.not(now?.id, row.id, where);
      }
      t.log(`${calls} calls, ${replaced} times the new router was there in the end`);
      t.true(calls > 8);
      t.true(replaced > 0);
    });
  }
}

test.serial('a job that is tried again after the change of places does not replace the new router too', async (t) => {
  const { networkId, row } = await firstRouter('one');
  watchCalls((_index, call) => (call.startsWith('DELETE') ? 'lost' : null));
  await t.throwsAsync(restartNetwork(cloud.parts, networkId, true));
  const [fresh] = lit();
  t.not(fresh, row.id);
  unwatch();
  await restartNetwork(cloud.parts, networkId, true);
  t.is((await assertOneRouter(t, networkId, row.guest_mac_address, 'again'))?.id, fresh);
});

test.serial('where the host has no room the new router is built on another, and the old is dark first', async (t) => {
  const { networkId, row } = await firstRouter('one');
  await cloud.db
    .updateTable('host')
    .set({ resource_state: 'Maintenance' })
    .where('id', '=', row.host_id ?? '')
    .execute();
  const seen = watchCalls(() => null);
  await restartNetwork(cloud.parts, networkId, true);
  unwatch();
  t.deepEqual(seen.twins, []);
  const now = await assertOneRouter(t, networkId, row.guest_mac_address, 'after');
  t.not(now?.host_id, row.host_id);
});

test.serial('an orchestrator whose lease was taken decides nothing', async (t) => {
  const { networkId, row } = await firstRouter('one');
  const taken = watchCalls(() => null);
  for (const host of cloud.hosts) {
    const { faultOf } = host;
    host.faultOf = async (call) => {
      // While it moves flows another takes the network.
      if (call.endsWith('import-flows')) {
        await cloud.db
          .updateTable('lease')
          .set({ holder: 'other' })
          .where('name', '=', `network:${networkId}`)
          .execute();
      }
      return faultOf(call);
    };
  }
  await t.throwsAsync(restartNetwork(cloud.parts, networkId, true), { message: /took over/ });
  unwatch();
  t.false(taken.calls.some((call) => call.endsWith('/ports')));
  t.deepEqual(lit(), [row.id]);
});
