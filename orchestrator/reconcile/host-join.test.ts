// Hosts that wait to join: what becomes of them while nobody answers. A join that succeeds is a scenario.
import { parseJoinToken } from '@isthmus/contract';
import test from 'ava';
import { emptyHost, reconnectHost, removeHost } from './host.ts';
import { newJoinToken } from './host-join.ts';
import { createInstance, type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';
import { startVirtualMachine } from './virtual-machine.ts';

let cloud: SimulatedCloud;
test.before(async () => {
  cloud = await startSimulatedCloud(2);
});
test.beforeEach(() => cloud.reset());
test.after.always(() => cloud?.close());

/** A row that waits for a host agent, at a port where nobody listens. */
async function invite(expiresInMs: number) {
  const first = await cloud.db.selectFrom('host').selectAll().limit(1).executeTakeFirstOrThrow();
  const { id } = await cloud.db
    .insertInto('host')
    .values({
      zone_id: first.zone_id,
      pod_id: first.pod_id,
      cluster_id: first.cluster_id,
      name: '127.0.0.1',
      url: 'https://127.0.0.1:1',
      driver: null,
      state: 'Connecting',
      cpus: 0,
      memory: 0,
      version: '',
      last_pinged: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { token, sealedSecret } = newJoinToken(cloud.parts, id);
  await cloud.db
    .updateTable('host')
    .set({ sealed_join_secret: sealedSecret, join_expires: new Date(Date.now() + expiresInMs) })
    .where('id', '=', id)
    .execute();
  return { id, token, sealedSecret };
}

const hostRow = (id: string) => cloud.db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

test.serial('a join token names the installation and the host; its secret is sealed at rest', async (t) => {
  const { id, token, sealedSecret } = await invite(60_000);
  const parsed = parseJoinToken(token);
  t.is(parsed?.installation, 'test');
  t.is(parsed?.hostId, id);
  t.false(sealedSecret.includes(parsed?.secret ?? ''));
  t.is(cloud.parts.sealer.open(sealedSecret), parsed?.secret ?? '');
});

test.serial('a host that does not answer waits, and says so; it is never fenced', async (t) => {
  const { id } = await invite(60_000);
  for (let round = 0; round < 4; round++) await cloud.round();
  const waiting = await hostRow(id);
  t.is(waiting.state, 'Connecting');
  t.regex(waiting.reason ?? '', /It has not joined yet: the host agent at https:\/\/127\.0\.0\.1:1 does not answer/);
  await t.throwsAsync(reconnectHost(cloud.parts, id), { message: /has not joined yet.*call addHost again/ });
});

test.serial('a token that has expired is said to', async (t) => {
  const { id } = await invite(-1);
  await cloud.round();
  t.regex(
    (await hostRow(id)).reason ?? '',
    /^Its join token expired at .*: call addHost again with its url for a new one$/,
  );
});

test.serial('a host that never joined is removed at once', async (t) => {
  const { id } = await invite(60_000);
  await removeHost(cloud.parts, id, false);
  t.is(await cloud.db.selectFrom('host').select('id').where('id', '=', id).executeTakeFirst(), undefined);
});

test.serial('a host is removed only when what it carried is off it', async (t) => {
  const { networkId, routerId } = await cloud.network('one');
  const instance = await createInstance(cloud, networkId, 1, false);
  await startVirtualMachine(cloud.parts, instance);
  const { host_id: hostId } = await cloud.db
    .selectFrom('router')
    .select('host_id')
    .where('id', '=', routerId)
    .executeTakeFirstOrThrow();
  const id = hostId ?? '';
  const host = cloud.hosts[cloud.hostIds.indexOf(id)];
  await t.throwsAsync(removeHost(cloud.parts, id, false), { message: /carries .*: expected a host without machines/ });
  await cloud.db.updateTable('host').set({ state: 'Alert' }).where('id', '=', id).execute();
  await t.throwsAsync(removeHost(cloud.parts, id, true), {
    message: /may still run: expected .*declareHostAsDegraded/,
  });
  t.true(host?.isRunning(routerId));
  await cloud.db.updateTable('host').set({ state: 'Up' }).where('id', '=', id).execute();
  await removeHost(cloud.parts, id, true);
  t.false(host?.appliances.has(routerId));
  t.is(await cloud.db.selectFrom('host').select('id').where('id', '=', id).executeTakeFirst(), undefined);
  const other = cloud.hosts.find((each) => each !== host);
  t.true(other?.isRunning(routerId));
  t.deepEqual(cloud.twice, []);
});

test.serial('maintenance moves routers and instances to another host, each ended first', async (t) => {
  const { networkId, routerId } = await cloud.network('one');
  const instance = await createInstance(cloud, networkId, 1, false);
  await startVirtualMachine(cloud.parts, instance);
  const router = await cloud.db.selectFrom('router').selectAll().where('id', '=', routerId).executeTakeFirstOrThrow();
  const id = router.host_id ?? '';
  await cloud.db.updateTable('virtual_machine').set({ host_id: id }).execute();
  await cloud.db.updateTable('host').set({ resource_state: 'Maintenance' }).where('id', '=', id).execute();
  await emptyHost(cloud.parts, id);
  const [from, to] = [cloud.hosts[cloud.hostIds.indexOf(id)], cloud.hosts[1 - cloud.hostIds.indexOf(id)]];
  t.deepEqual([...(from?.appliances.keys() ?? [])], []);
  t.true(to?.isRunning(routerId));
  t.true(to?.isRunning(instance));
  t.deepEqual(cloud.twice, []);
  const machine = await cloud.db.selectFrom('virtual_machine').selectAll().executeTakeFirstOrThrow();
  t.is(machine.state, 'Running');
});
