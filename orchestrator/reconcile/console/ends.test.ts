// What ends a session, and that its proxy hears of it: at once, and also where no orchestrator was there when it happened.
import { randomUUID } from 'node:crypto';
import type { ConsoleReason } from '@isthmus/contract';
import test from 'ava';
import { sql } from 'kysely';
import { openSession, sessionIdOf } from '../../store/session.ts';
import {
  type ConsoleCloud,
  type ConsoleUser,
  ofUser,
  pageOrigin,
  startConsoleCloud,
  ticketOf,
} from './console-cloud-fixture.ts';
import { type ConsoleProxyPeer, until } from './console-peers-fixture.ts';
import type { Consoles } from './index.ts';

let cloud: ConsoleCloud;
let consoles: Consoles;
let proxy: ConsoleProxyPeer;

test.before(async () => {
  cloud = await startConsoleCloud();
  consoles = await cloud.orchestrator('node-a');
  proxy = await cloud.proxy(consoles);
});
test.after.always(() => cloud?.close());

interface Looking {
  readonly user: ConsoleUser;
  readonly machine: string;
  readonly session: string;
}

let count = 0;

/** Somebody who has a console open. */
async function look(apiSessionId: string | null = null, known?: ConsoleUser): Promise<Looking> {
  count += 1;
  const user = known ?? (await cloud.user(`user${count}`));
  const machine = await cloud.machine(user);
  const ticket = await until('a ticket', () =>
    ticketOf(consoles, ofUser(user, machine, { apiSessionId })).catch(() => null),
  );
  const answer = await proxy.redeem({ ticket, origin: pageOrigin });
  if (answer.state !== 'open') throw new Error(JSON.stringify(answer));
  return { user, machine, session: answer.session };
}

function rowOf(session: string) {
  return cloud.db.selectFrom('console_session').selectAll().where('id', '=', session).executeTakeFirst();
}

type Cause = readonly [what: string, act: (looking: Looking) => Promise<unknown>, reason: ConsoleReason];

const setMachine = (state: 'Stopped' | 'Destroyed' | 'Expunging' | 'Error') => (looking: Looking) =>
  cloud.db.updateTable('virtual_machine').set({ state }).where('id', '=', looking.machine).execute();

const causes: readonly Cause[] = [
  ['the instance is destroyed', setMachine('Destroyed'), 'destroyed'],
  ['the instance is being expunged', setMachine('Expunging'), 'destroyed'],
  ['the instance is stopped', setMachine('Stopped'), 'machine'],
  ['the instance failed', setMachine('Error'), 'machine'],
  [
    'the row of the instance is gone',
    ({ machine }) => cloud.db.deleteFrom('virtual_machine').where('id', '=', machine).execute(),
    'destroyed',
  ],
  [
    'the instance is given to another account',
    async ({ machine }) => {
      const { accountId } = await cloud.user(`heir${randomUUID().slice(0, 8)}`);
      await cloud.db.updateTable('virtual_machine').set({ account_id: accountId }).where('id', '=', machine).execute();
    },
    'revoked',
  ],
  ...(['disabled', 'locked'] as const).flatMap((state): Cause[] => [
    [
      `the user is ${state}`,
      ({ user }) => cloud.db.updateTable('cloud_user').set({ state }).where('id', '=', user.userId).execute(),
      'revoked',
    ],
    [
      `the account is ${state}`,
      ({ user }) => cloud.db.updateTable('account').set({ state }).where('id', '=', user.accountId).execute(),
      'revoked',
    ],
  ]),
];

for (const [what, act, reason] of causes) {
  test.serial(`${what}: the session ends for good`, async (t) => {
    const [looking, bystander] = [await look(), await look()];
    const began = Date.now();
    await act(looking);
    await until('the proxy is told', () => proxy.ends.find(({ session }) => session === looking.session));
    t.log(`${Date.now() - began} ms`);
    t.is(proxy.ends.find(({ session }) => session === looking.session)?.reason, reason);
    t.like(await rowOf(looking.session), { state: 'Ended', end_reason: reason });
    await until('its grant is taken back', () => cloud.host.revoked.includes(looking.session));
    t.is((await rowOf(bystander.session))?.state, 'Open');
    t.true(proxy.sessions.has(bystander.session));
  });
}

test.serial('the user is deleted: the session and its row are gone', async (t) => {
  const looking = await look();
  await cloud.db.updateTable('virtual_machine').set({ user_id: null }).where('id', '=', looking.machine).execute();
  await cloud.db.deleteFrom('cloud_user').where('id', '=', looking.user.userId).execute();
  await until('the proxy is told', () => proxy.ends.some(({ session }) => session === looking.session));
  t.is(await rowOf(looking.session), undefined);
});

test.serial(
  'a logout ends the consoles that were asked for in that session, and no others; running out ends none',
  async (t) => {
    const user = await cloud.user('walker');
    const [web, lasting] = [
      await openSession(cloud.db, user.userId, 1800),
      await openSession(cloud.db, user.userId, 1800),
    ];
    const [ending, staying] = [
      await look(sessionIdOf(web.cookie), user),
      await look(sessionIdOf(lasting.cookie), user),
    ];
    const signed = await look(null, user);
    await cloud.db.deleteFrom('session').where('id', '=', sessionIdOf(web.cookie)).execute();
    await until('the proxy is told', () => proxy.ends.some(({ session }) => session === ending.session));
    t.is((await rowOf(ending.session))?.end_reason, 'logout');
    const past = new Date(Date.now() - 1000);
    await cloud.db
      .updateTable('session')
      .set({ expires: past })
      .where('id', '=', sessionIdOf(lasting.cookie))
      .execute();
    await cloud.db.deleteFrom('session').where('id', '=', sessionIdOf(lasting.cookie)).execute();
    t.is((await rowOf(staying.session))?.state, 'Open');
    t.is((await rowOf(signed.session))?.state, 'Open');
  },
);

test.serial('a ticket that waits ends with what it depends on', async (t) => {
  const user = await cloud.user('waiter');
  const machine = await cloud.machine(user);
  const ticket = await ticketOf(consoles, ofUser(user, machine));
  await cloud.db.updateTable('cloud_user').set({ state: 'disabled' }).where('id', '=', user.userId).execute();
  await cloud.db.updateTable('cloud_user').set({ state: 'enabled' }).where('id', '=', user.userId).execute();
  t.like(await proxy.redeem({ ticket, origin: pageOrigin }), { state: 'refused', reason: 'ticket' });
});

test.serial('the instance moves to another host: the proxy is told that the page may come back', async (t) => {
  const looking = await look();
  await cloud.db.updateTable('virtual_machine').set({ host_id: null }).where('id', '=', looking.machine).execute();
  await until('the proxy is told', () => proxy.ends.some(({ session }) => session === looking.session));
  t.is(proxy.ends.find(({ session }) => session === looking.session)?.reason, 'moved');
  const row = await rowOf(looking.session);
  t.like(row, { state: 'Open', system_vm_id: null });
  t.true(row?.lost instanceof Date);
});

test.serial(
  'what ended while no orchestrator was there is told with the first report; what lives goes on',
  async (t) => {
    const [ending, living] = [await look(), await look()];
    await consoles.stop();
    await until('the channel is closed', () => proxy.channels === 0);
    await setMachine('Destroyed')(ending);
    t.true(proxy.sessions.has(ending.session));
    consoles = await cloud.orchestrator('node-a');
    await until('the proxy is told', () => proxy.ends.some(({ session }) => session === ending.session));
    t.is(proxy.ends.find(({ session }) => session === ending.session)?.reason, 'destroyed');
    t.true(proxy.sessions.has(living.session));
    t.is((await rowOf(living.session))?.state, 'Open');
  },
);

test.serial('a session that its proxy does not report any more is lost, and over once nobody comes back', async (t) => {
  const looking = await look();
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
  proxy.sessions.delete(looking.session);
  await cloud.db
    .updateTable('console_session')
    .set({ seen: ago(20) })
    .where('id', '=', looking.session)
    .execute();
  proxy.report();
  const lost = await until('it is lost', async () => {
    const row = await rowOf(looking.session);
    return row?.lost === null ? null : row;
  });
  t.is(lost?.state, 'Open');
  await cloud.db
    .updateTable('console_session')
    .set({ lost: ago(61) })
    .where('id', '=', looking.session)
    .execute();
  await until('it has ended', async () => (await rowOf(looking.session))?.end_reason === 'closed');
  t.is((await rowOf(looking.session))?.state, 'Ended');
});

test.serial('sessions of a proxy that is silent are left alone', async (t) => {
  const looking = await look();
  proxy.isQuiet = true;
  t.teardown(() => {
    proxy.isQuiet = false;
  });
  // A report that is worked on still would say that it is not silent.
  await until('its last report is past', async () => (await reportedOf(proxy.id)) < Date.now() - 2_000);
  const ago = new Date(Date.now() - 3_600_000);
  // A round between the two would find a proxy that reports, and a session that it does not report.
  await cloud.db.transaction().execute(async (trx) => {
    await trx.updateTable('console_session').set({ seen: ago }).where('id', '=', looking.session).execute();
    await trx.updateTable('system_vm').set({ reported: ago }).where('id', '=', proxy.id).execute();
  });
  t.true(await expiredRounds());
  t.is((await rowOf(looking.session))?.lost, null);
  proxy.isQuiet = false;
  proxy.report();
  await until('it is seen', async () => ((await rowOf(looking.session))?.seen?.getTime() ?? 0) > Date.now() - 60_000);
});

/** When the last report of a proxy was noted, in milliseconds. */
async function reportedOf(id: string): Promise<number> {
  const row = await cloud.db.selectFrom('system_vm').select('reported').where('id', '=', id).executeTakeFirst();
  return row?.reported?.getTime() ?? 0;
}

/** True once rounds were made: they ended a session that was to end. */
async function expiredRounds(): Promise<boolean> {
  const user = await cloud.user(`rounds${randomUUID().slice(0, 8)}`);
  const row = await cloud.db
    .insertInto('console_session')
    .values({
      zone_id: cloud.zoneId,
      target_kind: 'instance',
      target_id: randomUUID(),
      console: 'vnc',
      account_id: user.accountId,
      domain_id: user.domainId,
      user_id: user.userId,
      origin: pageOrigin,
      state: 'Issued',
      ticket_expires: new Date(Date.now() - 1),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await until('a round', async () => (await rowOf(row.id))?.state === 'Ended');
  return true;
}

test.serial('a session that ends while nobody hears of it loses its grant all the same', async (t) => {
  const looking = await look();
  const hearing = () =>
    sql`select 1 from pg_stat_activity where application_name = 'isthmus-notices'`.execute(cloud.db);
  await until('it is heard', async () => (await hearing()).rows.length > 0);
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'isthmus-notices'`.execute(
    cloud.db,
  );
  await until('nobody hears', async () => (await hearing()).rows.length === 0);
  await setMachine('Destroyed')(looking);
  t.is((await hearing()).rows.length, 0, 'somebody heard it');
  await until('its grant is taken back', () => cloud.host.revoked.includes(looking.session));
});

test.serial('reports carry bytes; what a proxy ends for good is over, and it ends no session of another', async (t) => {
  const [looking, idle] = [await look(), await look()];
  proxy.report(1234);
  await until('its bytes are noted', async () => (await rowOf(looking.session))?.bytes_to_client === '1234');
  const stranger = await cloud.proxy(consoles);
  stranger.leave(looking.session, 'logout');
  stranger.sessions.add(looking.session);
  stranger.report(99_999);
  await until('the stranger is told off', () => stranger.ends.some(({ session }) => session === looking.session));
  t.is((await rowOf(looking.session))?.state, 'Open');
  t.is((await rowOf(looking.session))?.bytes_to_client, '1234');
  proxy.leave(idle.session, 'idle');
  await until('it has ended', async () => (await rowOf(idle.session))?.end_reason === 'idle');
});

test.serial('a session ends after the time that it may last at most', async (t) => {
  const looking = await look();
  const ago = new Date(Date.now() - 43_201_000);
  await cloud.db.updateTable('console_session').set({ acquired: ago }).where('id', '=', looking.session).execute();
  await until('it has ended', async () => (await rowOf(looking.session))?.end_reason === 'absolute');
  t.false(proxy.sessions.has(looking.session) && !(await until('told', () => !proxy.sessions.has(looking.session))));
});
