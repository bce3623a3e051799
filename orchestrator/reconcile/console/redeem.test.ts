// Tickets and choices, by console proxies on real channels: what opens a console, and what never does.
import { createHash, randomUUID } from 'node:crypto';
import { json } from 'node:stream/consumers';
import type { ConsoleGrant } from '@isthmus/contract';
import test from 'ava';
import { held, listenTls } from '../control-path-fixture.ts';
import {
  type ConsoleCloud,
  type ConsoleUser,
  insertHost,
  ofUser,
  pageOrigin,
  startConsoleCloud,
  ticketOf,
} from './console-cloud-fixture.ts';
import { type ConsoleProxyPeer, until } from './console-peers-fixture.ts';
import type { Consoles } from './index.ts';

let cloud: ConsoleCloud;
let consoles: Consoles;
let other: Consoles;
let proxy: ConsoleProxyPeer;
let alice: ConsoleUser;

test.before(async () => {
  cloud = await startConsoleCloud();
  consoles = await cloud.orchestrator('node-a');
  other = await cloud.orchestrator('node-b');
  proxy = await cloud.proxy(consoles, other);
  alice = await cloud.user('alice');
  const machine = await cloud.machine(alice);
  for (const each of [consoles, other]) {
    await until('a ticket', async () => {
      return 'endpoint' in (await each.orchestration.createConsoleEndpoint(ofUser(alice, machine)));
    });
  }
});
test.after.always(() => cloud?.close());

const shown = { origin: pageOrigin };

async function sessionOf(ticket: string) {
  const hash = createHash('sha256').update(ticket).digest('hex');
  return cloud.db.selectFrom('console_session').selectAll().where('ticket_hash', '=', hash).executeTakeFirstOrThrow();
}

test.serial(
  'a ticket opens a console: the proxy gets a target and how to handshake, the host a grant for it',
  async (t) => {
    const machine = await cloud.machine(alice);
    const made = await consoles.orchestration.createConsoleEndpoint(ofUser(alice, machine));
    t.true('endpoint' in made);
    if (!('endpoint' in made)) return;
    const { ticket, url, socket } = made.endpoint;
    t.regex(ticket, /^[A-Za-z0-9_-]{43}$/);
    t.is(url, `${pageOrigin}/console/${cloud.zoneId}#ticket=${ticket}&proxy=${proxy.id}`);
    t.like(socket, { port: 8080, path: 'websockify' });
    const answer = await proxy.redeem({ ...shown, ticket });
    t.is(answer.state, 'open');
    if (answer.state !== 'open') return;
    t.like(answer, { console: 'vnc', mode: 'control', viewers: [], security: { types: ['VncAuth'] } });
    t.is(answer.target.kind, 'door');
    const grant = cloud.host.grants.get(answer.session);
    const secret = answer.target.kind === 'door' ? answer.target.secret : '';
    t.deepEqual(grant, {
      secretSha256: createHash('sha256').update(secret).digest('hex'),
      seconds: 30,
      to: { appliance: proxy.id },
      from: { machine: 'instance', id: machine, console: 'vnc' },
    });
    const row = await sessionOf(ticket);
    t.like(row, { state: 'Open', mode: 'control', client_address: '192.0.2.77', system_vm_id: proxy.id });
    t.false(JSON.stringify(row).includes(ticket));
  },
);

test.serial('a namespace instance has a serial console alone', async (t) => {
  const machine = await cloud.machine(alice, { namespace: true });
  const refused = await consoles.orchestration.createConsoleEndpoint(ofUser(alice, machine, { console: 'vnc' }));
  t.regex('refused' in refused ? refused.refused : '', /has no screen/);
  const answer = await proxy.redeem({ ...shown, ticket: await ticketOf(consoles, ofUser(alice, machine)) });
  t.like(answer, { state: 'open', console: 'serial' });
});

test.serial('a router or system VM that is a namespace has no console, and says so', async (t) => {
  const driver = (name: 'libvirt' | 'namespace') =>
    cloud.db.updateTable('host').set({ driver: name }).where('id', '=', cloud.hostId).execute();
  const ofProxy = ofUser(alice, proxy.id, { target: { kind: 'system-vm', id: proxy.id } });
  await driver('namespace');
  t.teardown(() => driver('libvirt'));
  const refused = await consoles.orchestration.createConsoleEndpoint(ofProxy);
  t.regex('refused' in refused ? refused.refused : '', /is a network namespace of its host, and has no console/);
});

test.serial('one ticket shown by twenty at once, to two orchestrators, opens one session', async (t) => {
  const ticket = await ticketOf(consoles, ofUser(alice, await cloud.machine(alice)));
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => proxy.redeem({ ...shown, ticket }, index % 2)),
  );
  t.is(answers.filter(({ state }) => state === 'open').length, 1);
  t.true(
    answers.every((answer) => answer.state === 'open' || (answer.state === 'refused' && answer.reason === 'ticket')),
  );
});

test.serial('a request put again, to the other orchestrator, is answered the same', async (t) => {
  const ticket = await ticketOf(consoles, ofUser(alice, await cloud.machine(alice)));
  const id = randomUUID();
  const first = await proxy.redeem({ ...shown, ticket, id });
  const second = await proxy.redeem({ ...shown, ticket, id }, 1);
  t.is(first.state, 'open');
  t.deepEqual(second, first);
  t.like(await proxy.redeem({ ...shown, ticket }), { state: 'refused', reason: 'ticket' });
  const row = await sessionOf(ticket);
  t.false(JSON.stringify(row).includes(first.state === 'open' ? first.resume : ''));
  proxy.report();
  await until('the secrets are forgotten', async () => (await sessionOf(ticket)).sealed_secrets === null);
});

test.serial(
  'an orchestrator that hangs between redemption and answer: the other one answers, and it the same',
  async (t) => {
    const ticket = await ticketOf(consoles, ofUser(alice, await cloud.machine(alice)));
    const id = randomUUID();
    const [hanging, began] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    cloud.host.onGrant = () => {
      began.resolve();
      return hanging.promise;
    };
    const first = proxy.redeem({ ...shown, ticket, id });
    await began.promise;
    cloud.host.onGrant = async () => {};
    const second = proxy.redeem({ ...shown, ticket, id }, 1);
    const early = await first;
    t.is(early.state, 'open');
    hanging.resolve();
    t.deepEqual(await second, early);
  },
);

test.serial(
  'what a ticket is bound to: origin, extra token, address, lifetime, the user and its session',
  async (t) => {
    const machine = await cloud.machine(alice);
    const issue = (more = {}) => ticketOf(consoles, ofUser(alice, machine, more));
    const reasonOf = async (show: Partial<Parameters<ConsoleProxyPeer['redeem']>[0]> & { ticket: string }) => {
      const answer = await proxy.redeem({ ...shown, ...show });
      return answer.state === 'refused' ? answer.reason : answer.state;
    };
    const guess = 'A'.repeat(43);
    t.is(await reasonOf({ ticket: guess }), 'ticket');

    const foreign = await issue();
    t.is(await reasonOf({ ticket: foreign, origin: 'http://evil.example.org' }), 'origin');
    t.is(await reasonOf({ ticket: foreign }), 'ticket', 'it is spent');

    const extra = await issue({ extra: 'my own text' });
    t.is(await reasonOf({ ticket: extra, extra: 'another' }), 'ticket');
    t.is(await reasonOf({ ticket: extra, extra: 'my own text' }), 'ticket', 'one guess');
    t.is(await reasonOf({ ticket: await issue({ extra: 'my own text' }), extra: 'my own text' }), 'open');

    await cloud.set('novnc.console.sourceip.check.enabled', 'true');
    t.is(await reasonOf({ ticket: await issue(), clientAddress: '192.0.2.78' }), 'address');
    t.not(await reasonOf({ ticket: await issue(), clientAddress: '::ffff:192.0.2.77' }), 'address');
    await cloud.set('novnc.console.sourceip.check.enabled', 'false');

    const late = await issue();
    await cloud.db
      .updateTable('console_session')
      .set({ ticket_expires: new Date(Date.now() - 1) })
      .where('id', '=', (await sessionOf(late)).id)
      .execute();
    t.is(await reasonOf({ ticket: late }), 'ticket');

    const gone = await issue({ apiSessionId: 'no such session' });
    t.is(await reasonOf({ ticket: gone }), 'logout');

    const text = cloud.logged.join('\n');
    for (const secret of [guess, foreign, extra, late, gone, 'my own text']) t.false(text.includes(secret));
    t.regex(text, /a console ticket is refused.*"reason":"origin"/);
    t.true(text.includes(machine) && text.includes(alice.userId));
  },
);

test.serial('the extra token is demanded where the setting says so', async (t) => {
  await cloud.set('consoleproxy.extra.security.validation.enabled', 'true');
  const machine = await cloud.machine(alice);
  const made = await consoles.orchestration.createConsoleEndpoint(ofUser(alice, machine));
  await cloud.set('consoleproxy.extra.security.validation.enabled', 'false');
  t.regex('refused' in made ? made.refused : '', /token/);
});

test.serial('limits hold where many come at once', async (t) => {
  await cloud.set('console.sessions.per.vm', '3');
  const user = await cloud.user('many');
  const machine = await cloud.machine(user);
  const tickets = await Promise.all(Array.from({ length: 12 }, () => ticketOf(consoles, ofUser(user, machine))));
  const answers = await Promise.all(
    tickets.map((ticket, index) => proxy.redeem({ ...shown, ticket, plain: true }, index % 2)),
  );
  t.is(answers.filter(({ state }) => state === 'open').length, 3);
  t.is(answers.filter((answer) => answer.state === 'refused' && answer.reason === 'limit').length, 9);
  const more = await consoles.orchestration.createConsoleEndpoint(ofUser(user, machine));
  t.regex('refused' in more ? more.refused : '', /3 viewers/);
  await cloud.set('console.sessions.per.vm', '10');

  await cloud.set('console.sessions.per.user', '2');
  const busy = await cloud.user('busy');
  const ofBusy = await Promise.all(
    Array.from({ length: 6 }, async () => ticketOf(consoles, ofUser(busy, await cloud.machine(busy)))),
  );
  const opened = await Promise.all(ofBusy.map((ticket, index) => proxy.redeem({ ...shown, ticket }, index % 2)));
  await cloud.set('console.sessions.per.user', '20');
  t.is(opened.filter(({ state }) => state === 'open').length, 2);
});

test.serial('a second viewer chooses; both are told, and one controls', async (t) => {
  const bob = await cloud.user('bob');
  const machine = await cloud.machine(alice);
  const first = await proxy.redeem({ ...shown, ticket: await ticketOf(consoles, ofUser(alice, machine)) });
  const second = await proxy.redeem({ ...shown, ticket: await ticketOf(other, ofUser(bob, machine)) }, 1);
  if (first.state !== 'open' || second.state !== 'choose') return t.fail(`${first.state}, ${second.state}`);
  t.deepEqual(second.viewers, [{ user: 'alice', mode: 'control' }]);
  const watching = await proxy.choose(second.session, 'watch', 1);
  t.like(watching, { state: 'open', mode: 'watch', viewers: [{ user: 'alice', mode: 'control' }] });
  await until('alice is told of bob', () => {
    return (
      JSON.stringify(proxy.viewers.get(first.session)) ===
      '{"mode":"control","viewers":[{"user":"bob","mode":"watch"}]}'
    );
  });
  t.like(await proxy.choose(second.session, 'control'), { state: 'open', mode: 'control' });
  await until('alice watches', () => proxy.viewers.get(first.session)?.mode === 'watch');
  await until('bob controls', () => proxy.viewers.get(second.session)?.mode === 'control');
  t.like(await proxy.choose(second.session, 'watch'), { state: 'open', mode: 'watch' });
  t.like(await proxy.choose(first.session, 'control'), { state: 'open', mode: 'control' });
  proxy.leave(second.session, 'closed');
  await until('alice is alone', () => proxy.viewers.get(first.session)?.viewers.length === 0);
  t.like(await proxy.choose(randomUUID(), 'control'), { state: 'refused', reason: 'ticket' });
});

test.serial('two who take over at once: one controls in the end, and a plain client takes over at once', async (t) => {
  const machine = await cloud.machine(alice);
  const open = async (plain: boolean) => {
    const answer = await proxy.redeem({ ...shown, ticket: await ticketOf(consoles, ofUser(alice, machine)), plain });
    return answer.state === 'refused' ? '' : answer.session;
  };
  const ids = [await open(true), await open(true), await open(true)];
  await Promise.all(ids.flatMap((id) => [proxy.choose(id, 'control', 0), proxy.choose(id, 'control', 1)]));
  const rows = await cloud.db.selectFrom('console_session').select('mode').where('id', 'in', ids).execute();
  t.deepEqual(rows.map(({ mode }) => mode).sort(), ['control', 'watch', 'watch']);
});

test.serial('a host that does not grant ends the session; who ends it while the host is asked wins', async (t) => {
  const machine = await cloud.machine(alice);
  cloud.host.onGrant = async () => {
    throw new Error('QEMU has no such console');
  };
  const ticket = await ticketOf(consoles, ofUser(alice, machine));
  const refused = await proxy.redeem({ ...shown, ticket });
  t.like(refused, { state: 'refused', reason: 'unavailable' });
  t.like(await sessionOf(ticket), { state: 'Ended', end_reason: 'unavailable' });
  let refusals = 3;
  cloud.host.onGrant = async () => {
    refusals -= 1;
    if (refusals > 0) throw new Error('it starts again');
  };
  const patient = await proxy.redeem({ ...shown, ticket: await ticketOf(consoles, ofUser(alice, machine)) });
  t.is(patient.state, 'open');
  proxy.leave(patient.state === 'open' ? patient.session : '', 'closed');
  cloud.host.onGrant = async () => {
    await cloud.db.updateTable('virtual_machine').set({ state: 'Destroyed' }).where('id', '=', machine).execute();
  };
  const next = await ticketOf(consoles, ofUser(alice, machine));
  const answer = await proxy.redeem({ ...shown, ticket: next });
  cloud.host.onGrant = async () => {};
  t.like(answer, { state: 'refused', reason: 'destroyed' });
  t.like(await sessionOf(next), { state: 'Ended' });
});

test.serial(
  'a machine on another host: both hosts grant the same secret, and the proxy is led through its own',
  async (t) => {
    const { pod_id: podId, cluster_id: clusterId } = await cloud.db
      .selectFrom('host')
      .select(['pod_id', 'cluster_id'])
      .where('id', '=', cloud.hostId)
      .executeTakeFirstOrThrow();
    const farId = await insertHost(cloud.db, { zoneId: cloud.zoneId, podId, clusterId }, 'host2', 'unix:/nowhere');
    const machine = await cloud.machine(alice);
    await cloud.db.updateTable('virtual_machine').set({ host_id: farId }).where('id', '=', machine).execute();
    const open = async () => proxy.redeem({ ...shown, ticket: await ticketOf(consoles, ofUser(alice, machine)) });
    t.like(await open(), { state: 'refused', reason: 'unavailable' }, 'hosts on Unix sockets do not reach each other');

    const granted: ConsoleGrant[] = [];
    const far = await listenTls(
      await held(cloud.authority, { role: 'host', id: farId }),
      cloud.authority,
      (request, response) => {
        void json(request).then((grant) => {
          granted.push(grant as ConsoleGrant);
          response.writeHead(200).end(JSON.stringify({ security: { types: ['None'] } }));
        });
      },
    );
    t.teardown(() => far.close());
    const url = `https://127.0.0.1:${far.port}`;
    await cloud.db.updateTable('host').set({ url }).where('id', '=', farId).execute();
    const answer = await open();
    if (answer.state !== 'open') return t.fail(JSON.stringify(answer));
    t.like(granted[0], { to: { host: cloud.hostId }, from: { machine: 'instance', id: machine, console: 'vnc' } });
    const near = cloud.host.grants.get(answer.session);
    t.like(near, {
      to: { appliance: proxy.id },
      from: { via: { hostId: farId, address: '127.0.0.1', port: far.port } },
    });
    t.is(near?.secretSha256, granted[0]?.secretSha256);
    t.deepEqual(answer.security, { types: ['None'] });
  },
);

test.serial('a draining proxy gets no session and leaves the ticket good for another', async (t) => {
  const ticket = await ticketOf(consoles, ofUser(alice, await cloud.machine(alice)));
  const drain = (draining: Date | null) =>
    cloud.db.updateTable('system_vm').set({ draining }).where('id', '=', proxy.id).execute();
  await drain(new Date());
  t.like(await proxy.redeem({ ...shown, ticket }), { state: 'refused', reason: 'draining' });
  const none = await consoles.orchestration.createConsoleEndpoint(ofUser(alice, await cloud.machine(alice)));
  t.regex('refused' in none ? none.refused : '', /is being started/);
  const lack = await cloud.db
    .selectFrom('console_session')
    .selectAll()
    .where('end_reason', '=', 'unavailable')
    .execute();
  t.true(lack.some(({ acquired, state }) => acquired === null && state === 'Ended'));
  await drain(null);
  t.like(await proxy.redeem({ ...shown, ticket }), { state: 'open' });
});

test.serial('a proxy that talks nonsense loses its channel, and gets another', async (t) => {
  proxy.babble('{"kind":"redeem"}');
  await until('the channels are closed', () => proxy.channels === 0);
  await until('they are open again', () => proxy.channels === 2);
  const machine = await cloud.machine(alice);
  const ticket = await until('a ticket', () => ticketOf(consoles, ofUser(alice, machine)).catch(() => null));
  t.like(await proxy.redeem({ ...shown, ticket }), { state: 'open' });
});

test.serial('tickets that nobody opens are bounded, also where all are asked for at once', async (t) => {
  const many = await cloud.user('flood');
  const machine = await cloud.machine(many);
  await cloud.set('console.sessions.per.user', '4');
  const asked = Array.from({ length: 60 }, (_, index) =>
    (index % 2 === 0 ? consoles : other).orchestration.createConsoleEndpoint(ofUser(many, machine)),
  );
  const made = await Promise.all(asked);
  await cloud.set('console.sessions.per.user', '20');
  t.is(made.filter((each) => 'endpoint' in each).length, 20);
});
