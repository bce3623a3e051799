// A page that lost its proxy comes back to its session, and nobody else does.

import { setTimeout } from 'node:timers/promises';
import type { ResumeAnswer } from '@isthmus/contract';
import test from 'ava';
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
let first: ConsoleProxyPeer;
let second: ConsoleProxyPeer;
let user: ConsoleUser;

test.before(async () => {
  cloud = await startConsoleCloud();
  consoles = await cloud.orchestrator('node-a');
  first = await cloud.proxy(consoles);
  second = await cloud.proxy(consoles);
  user = await cloud.user('carol');
});
test.after.always(() => cloud?.close());

const shown = { origin: pageOrigin };

interface Opened {
  readonly machine: string;
  readonly session: string;
  readonly resume: string;
}

async function open(of = user, machine?: string): Promise<Opened> {
  const id = machine ?? (await cloud.machine(of));
  const ticket = await until('a ticket', () => ticketOf(consoles, ofUser(of, id)).catch(() => null));
  await until('a channel', () => first.channels === 1);
  const answer = await first.redeem({ ...shown, ticket, plain: true });
  if (answer.state !== 'open') throw new Error(JSON.stringify(answer));
  return { machine: id, session: answer.session, resume: answer.resume };
}

function comeBack(resume: string, clientAddress = '192.0.2.77', lost?: string): Promise<ResumeAnswer> {
  const request = { resume, ...(lost !== undefined && { proxy: lost }) };
  return consoles.orchestration.resumeConsole({ request, origin: pageOrigin, clientAddress });
}

function rowOf(session: string) {
  return cloud.db.selectFrom('console_session').selectAll().where('id', '=', session).executeTakeFirstOrThrow();
}

test.serial('the proxy is killed: the same session opens on another, with a token afresh', async (t) => {
  const opened = await open();
  await first.kill();
  const back = await comeBack(opened.resume, undefined, first.id);
  await first.start();
  if (back.state !== 'open') return t.fail(JSON.stringify(back));
  t.is(back.proxy, second.id);
  t.regex(back.socket, /^ws:\/\/203\.0\.113\.\d+:8080\/websockify$/);
  const answer = await second.redeem({ ...shown, ticket: back.ticket });
  if (answer.state !== 'open') return t.fail(JSON.stringify(answer));
  t.is(answer.session, opened.session);
  t.is(answer.mode, 'control');
  t.not(answer.resume, opened.resume);
  t.like(await rowOf(opened.session), { state: 'Open', system_vm_id: second.id, lost: null });
  t.like(cloud.host.grants.get(opened.session), { to: { appliance: second.id } });
});

test.serial('a token that was used is used again: the session ends, whoever was first', async (t) => {
  const opened = await open();
  const back = await comeBack(opened.resume);
  if (back.state !== 'open') return t.fail(JSON.stringify(back));
  await second.redeem({ ...shown, ticket: back.ticket });
  t.like(await comeBack(opened.resume), { state: 'refused' });
  await until('the proxy is told', () => second.ends.some(({ session }) => session === opened.session));
  t.like(await rowOf(opened.session), { state: 'Ended', end_reason: 'revoked' });
  const text = cloud.logged.join('\n');
  t.regex(text, /resume token was shown twice/);
  t.false(text.includes(opened.resume) || text.includes(back.ticket));
});

test.serial('several who show one token at once: one ticket opens, and who comes after that ends it', async (t) => {
  const opened = await open();
  const answers = await Promise.all([1, 2, 3, 4].map(() => comeBack(opened.resume)));
  const tickets = answers.flatMap((answer) => (answer.state === 'open' ? [answer.ticket] : []));
  t.is(new Set(tickets).size, 4);
  const redeemed = await Promise.all(tickets.map((ticket) => second.redeem({ ...shown, ticket })));
  t.deepEqual(redeemed.map(({ state }) => state).sort(), ['open', 'refused', 'refused', 'refused']);
  t.is((await rowOf(opened.session)).state, 'Open');
  t.like(await comeBack(opened.resume), { state: 'refused' });
  t.like(await rowOf(opened.session), { state: 'Ended', end_reason: 'revoked' });
});

test.serial(
  'an answer that is lost, a proxy that is gone before it is reached: the token is good until then',
  async (t) => {
    const opened = await open();
    const lost = await comeBack(opened.resume);
    const back = await comeBack(opened.resume);
    if (lost.state !== 'open' || back.state !== 'open') return t.fail(JSON.stringify([lost, back]));
    t.like(await first.redeem({ ...shown, ticket: lost.ticket }), { state: 'refused', reason: 'ticket' });
    t.like(await second.redeem({ ...shown, ticket: back.ticket }), { state: 'open', session: opened.session });
  },
);

test.serial('as many as there are connections to the database, and more, at once: nobody waits for ever', async (t) => {
  const many = await cloud.user('erin');
  const opened = await open(many);
  const tickets = await Promise.all(
    Array.from({ length: 40 }, async () => ticketOf(consoles, ofUser(many, await cloud.machine(many)))),
  );
  const asked = [
    ...Array.from({ length: 60 }, () => comeBack(opened.resume)),
    ...tickets.map((ticket) => first.redeem({ ...shown, ticket })),
  ];
  const answers = await Promise.race([Promise.all(asked), setTimeout(20_000, null, { ref: false })]);
  t.is(answers?.length, 100, 'no answer');
});

test.serial('while the proxy still has the page, coming back takes the session along', async (t) => {
  const opened = await open();
  const back = await comeBack(opened.resume, undefined, first.id);
  t.like(back, { state: 'open', proxy: second.id });
  await until('the old proxy is told', () => first.ends.some(({ session }) => session === opened.session));
  t.is(first.ends.find(({ session }) => session === opened.session)?.reason, 'moved');
  t.false(cloud.host.revoked.includes(opened.session));
});

test.serial('guesses, tickets and tokens of sessions that are over open nothing', async (t) => {
  t.like(await comeBack('A'.repeat(43)), { state: 'refused' });
  const machine = await cloud.machine(user);
  const ticket = await ticketOf(consoles, ofUser(user, machine));
  t.like(await comeBack(ticket), { state: 'refused' });
  const opened = await open();
  t.like(await first.redeem({ ...shown, ticket: opened.resume }), { state: 'refused', reason: 'ticket' });
  first.leave(opened.session, 'taken-over');
  await until('it has ended', async () => (await rowOf(opened.session)).state === 'Ended');
  t.like(await comeBack(opened.resume), { state: 'refused' });
});

test.serial('in time, by the same user, from the address it is bound to', async (t) => {
  const late = await open();
  const ago = new Date(Date.now() - 61_000);
  await cloud.set('console.resume.wait', '3600');
  await cloud.db.updateTable('console_session').set({ lost: ago }).where('id', '=', late.session).execute();
  t.like(await comeBack((await open()).resume), { state: 'open' });
  await cloud.db
    .updateTable('console_session')
    .set({ lost: new Date(Date.now() - 3_700_000) })
    .where('id', '=', late.session)
    .execute();
  t.like(await comeBack(late.resume), { state: 'refused' });
  await cloud.set('console.resume.wait', '0');
  t.like(await comeBack((await open()).resume), { state: 'refused' });
  await cloud.set('console.resume.wait', '60');

  await cloud.set('novnc.console.sourceip.check.enabled', 'true');
  const bound = await open();
  await cloud.set('novnc.console.sourceip.check.enabled', 'false');
  t.like(await comeBack(bound.resume, '192.0.2.99'), { state: 'refused' });
  t.like(await comeBack(bound.resume, '::ffff:192.0.2.77'), { state: 'open' });

  const disabled = await cloud.user('dave');
  const of = await open(disabled);
  await cloud.db.updateTable('cloud_user').set({ state: 'disabled' }).where('id', '=', disabled.userId).execute();
  t.like(await comeBack(of.resume), { state: 'refused' });
});

test.serial('a machine that moves is waited for, as long as the page asks', async (t) => {
  const opened = await open();
  const set = (state: 'Migrating' | 'Running') =>
    cloud.db.updateTable('virtual_machine').set({ state }).where('id', '=', opened.machine).execute();
  await set('Migrating');
  first.leave(opened.session, 'target');
  await until('it is lost', async () => (await rowOf(opened.session)).lost);
  const old = new Date(Date.now() - 30_000);
  await cloud.db.updateTable('console_session').set({ lost: old }).where('id', '=', opened.session).execute();
  t.like(await comeBack(opened.resume), { state: 'again' });
  t.true(((await rowOf(opened.session)).lost?.getTime() ?? 0) > old.getTime());
  await set('Running');
  t.like(await comeBack(opened.resume), { state: 'open' });
});

test.serial('a host agent that is away is waited for: the token stays good', async (t) => {
  const opened = await open();
  const { url } = await cloud.db
    .selectFrom('host')
    .selectAll()
    .where('id', '=', cloud.hostId)
    .executeTakeFirstOrThrow();
  const move = (to: string) => cloud.db.updateTable('host').set({ url: to }).where('id', '=', cloud.hostId).execute();
  await move('unix:/nowhere');
  const away = await comeBack(opened.resume);
  await move(url);
  t.like(away, { state: 'again' });
  t.like(await comeBack(opened.resume), { state: 'open' });
});

test.serial('no proxy is reached: the page asks again with the same token', async (t) => {
  const opened = await open();
  await Promise.all([first.kill(), second.kill()]);
  await until('no channel is open', async () => (await comeBack(opened.resume)).state === 'again');
  await Promise.all([first.start(), second.start()]);
  const back = await until('a proxy is back', async () => {
    const answer = await comeBack(opened.resume);
    return answer.state === 'open' && answer;
  });
  const proxy = back.proxy === first.id ? first : second;
  t.like(await proxy.redeem({ ...shown, ticket: back.ticket }), { state: 'open', session: opened.session });
});

test.serial('the row of the proxy says that it is gone: its sessions are lost, not over', async (t) => {
  const opened = await open();
  await cloud.db.updateTable('system_vm').set({ state: 'Stopped' }).where('id', '=', first.id).execute();
  t.like(await rowOf(opened.session), { state: 'Open', system_vm_id: null });
  t.like(await comeBack(opened.resume, undefined, first.id), { state: 'open', proxy: second.id });
  await cloud.db.updateTable('system_vm').set({ state: 'Running' }).where('id', '=', first.id).execute();
  await until('it is reached', () => first.channels === 1);
});

test.serial('who comes back to a console that was taken over meanwhile watches', async (t) => {
  const machine = await cloud.machine(user);
  const opened = await open(user, machine);
  first.leave(opened.session, 'closed');
  await until('it is lost', async () => (await rowOf(opened.session)).lost);
  await open(user, machine);
  const back = await comeBack(opened.resume);
  if (back.state !== 'open') return t.fail(JSON.stringify(back));
  const proxy = back.proxy === first.id ? first : second;
  t.like(await proxy.redeem({ ...shown, ticket: back.ticket }), { state: 'open', mode: 'watch' });
});

test.serial('a machine that is destroyed while its page comes back: the page is told that it is gone', async (t) => {
  const set = (id: string, state: 'Stopping' | 'Destroyed') =>
    cloud.db.updateTable('virtual_machine').set({ state }).where('id', '=', id).execute();
  // Before it comes back.
  const early = await open();
  await set(early.machine, 'Stopping');
  first.leave(early.session, 'target');
  await until('it is lost', async () => (await rowOf(early.session)).lost);
  t.like(await comeBack(early.resume), { state: 'again' });
  await set(early.machine, 'Destroyed');
  t.like(await comeBack(early.resume), { state: 'refused', reason: 'destroyed' });
  // Between its new ticket and its redemption.
  const between = await open();
  const sent = await comeBack(between.resume);
  if (sent.state !== 'open') return t.fail(JSON.stringify(sent));
  await set(between.machine, 'Destroyed');
  const there = sent.proxy === first.id ? first : second;
  t.like(await there.redeem({ ...shown, ticket: sent.ticket }), { state: 'refused', reason: 'destroyed' });
  // While its new ticket is redeemed.
  const late = await open();
  const back = await comeBack(late.resume);
  if (back.state !== 'open') return t.fail(JSON.stringify(back));
  await set(late.machine, 'Stopping');
  cloud.host.onGrant = async () => {
    throw new Error('expected it to be running');
  };
  t.teardown(() => {
    cloud.host.onGrant = async () => {};
  });
  const proxy = back.proxy === first.id ? first : second;
  const answer = proxy.redeem({ ...shown, ticket: back.ticket });
  await setTimeout(2_500);
  await set(late.machine, 'Destroyed');
  t.like(await answer, { state: 'refused', reason: 'destroyed' });
});

test.serial('who comes back need not show the extra token again: the page may have been loaded anew', async (t) => {
  const machine = await cloud.machine(user);
  const ticket = await ticketOf(consoles, ofUser(user, machine, { extra: 'my own text' }));
  const answer = await first.redeem({ ...shown, ticket, extra: 'my own text' });
  if (answer.state !== 'open') return t.fail(JSON.stringify(answer));
  const back = await comeBack(answer.resume);
  if (back.state !== 'open') return t.fail(JSON.stringify(back));
  const proxy = back.proxy === first.id ? first : second;
  t.like(await proxy.redeem({ ...shown, ticket: back.ticket }), { state: 'open', session: answer.session });
});
