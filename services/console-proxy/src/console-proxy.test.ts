// Sessions from ticket to end, over real sockets; RFB servers that are not ours stand in test/scenarios.
import { randomBytes, randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import {
  connectPage,
  eventually,
  openingOf,
  openPage,
  proxyDocument,
  secret,
  serveRfb,
  serverInitOf,
  startProxy,
  startTarget,
} from './proxy-fixture.ts';

const keyDown = Buffer.from([4, 1, 0, 0, 0, 0, 0, 97]);
const keyUp = Buffer.from([4, 0, 0, 0, 0, 0, 0, 97]);
const updateRequest = Buffer.from([3, 1, 0, 0, 0, 0, 2, 128, 1, 224]);

/** A screen that keeps what it is told, and answers each part with itself. */
async function startScreen(t: ExecutionContext) {
  const received: Buffer[] = [];
  const screen = await startTarget(t, (socket) =>
    serveRfb(socket, (chunk) => {
      received.push(chunk);
      socket.write(chunk);
    }),
  );
  return { ...screen, received: () => Buffer.concat(received) };
}

test('a ticket opens a screen: the page gets the server’s screen, the server gets the page’s keys', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const { page, opened } = await openPage(proxy, openingOf(screen.target));
  t.is(opened.machine, 'web-1');
  t.deepEqual(await page.handshake(), serverInitOf('screen'));
  page.webSocket.send(Buffer.concat([updateRequest, keyDown]));
  t.deepEqual(await page.bytes(18), Buffer.concat([updateRequest, keyDown]));
  const [report] = proxy.proxy.report().sessions;
  t.is(report?.session, opened.session);
  t.is(report?.bytesToTarget, 18);
  t.is(report?.bytesToClient, 18);
  page.webSocket.close();
  await eventually('the session has ended', () => proxy.ended.length === 1);
  t.deepEqual(proxy.ended, [{ session: opened.session, reason: 'closed' }]);
  await eventually('the server was left', () => screen.sockets.size === 0);
  t.is(proxy.directory.requests[0]?.clientAddress.startsWith('127.'), true);
});

test('a serial console: bytes both ways, and none from who watches', async (t) => {
  const proxy = await startProxy(t);
  const received: Buffer[] = [];
  const line = await startTarget(t, (socket) => {
    socket.write('login: ');
    socket.on('data', (chunk) => received.push(chunk));
  });
  const { page, opened } = await openPage(proxy, openingOf(line.target, { console: 'serial' }));
  t.is((await page.bytes(7)).toString(), 'login: ');
  page.webSocket.send(Buffer.from('root\r'));
  await eventually('the name has come', () => Buffer.concat(received).toString() === 'root\r');
  proxy.proxy.viewers(opened.session, 'watch', [{ user: 'eve', mode: 'control' }]);
  t.deepEqual(await page.notice('viewers'), {
    type: 'viewers',
    mode: 'watch',
    viewers: [{ user: 'eve', mode: 'control' }],
  });
  page.webSocket.send(Buffer.from('halt\r'));
  await page.roundTrip();
  proxy.proxy.viewers(opened.session, 'control', []);
  await page.notice('viewers');
  page.webSocket.send(Buffer.from('id\r'));
  await eventually('what came later has come', () => Buffer.concat(received).toString().endsWith('id\r'));
  t.is(Buffer.concat(received).toString(), 'root\rid\r');
});

test('who loses control types nothing more, and leaves no key down', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const { page, opened } = await openPage(proxy, openingOf(screen.target));
  await page.handshake();
  page.webSocket.send(keyDown);
  await page.bytes(8);
  proxy.proxy.viewers(opened.session, 'watch', []);
  t.deepEqual(await page.bytes(8), keyUp);
  page.webSocket.send(Buffer.concat([keyDown, updateRequest]));
  t.deepEqual(await page.bytes(10), updateRequest);
  t.deepEqual(screen.received(), Buffer.concat([keyDown, keyUp, updateRequest]));
});

test('a person chooses before and after; one question is put at a time', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const opening = openingOf(screen.target, { mode: 'watch' });
  proxy.directory.choose = async (_session, mode) => ({ ...opening, mode });
  const page = await connectPage(proxy);
  const { session } = opening;
  const viewers = [{ user: 'ada', mode: 'control' as const }];
  page.say({ type: 'open', ticket: proxy.ticketFor({ state: 'choose', session, viewers }), extra: 'own' });
  t.deepEqual(await page.notice('choose'), { type: 'choose', viewers });
  t.deepEqual(
    proxy.proxy.report().sessions.map((each) => each.session),
    [session],
  );
  page.say({ type: 'choose', mode: 'watch' });
  t.is((await page.notice('opened')).mode, 'watch');
  page.say({ type: 'choose', mode: 'control' });
  t.is((await page.notice('viewers')).mode, 'control');
  t.deepEqual(proxy.directory.choices, [
    { session, mode: 'watch' },
    { session, mode: 'control' },
  ]);
  t.is(proxy.directory.requests[0]?.extra, 'own');
});

test('a client of CloudStack opens by the query alone and takes over', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const opening = openingOf(screen.target);
  proxy.directory.choose = async () => opening;
  const ticket = proxy.ticketFor({ state: 'choose', session: opening.session, viewers: [] });
  const page = await connectPage(proxy, { query: `?token=${ticket}&extra=mine`, protocol: 'binary' });
  t.deepEqual(await page.handshake(), serverInitOf('screen'));
  t.like(proxy.directory.requests[0], { plain: true, extra: 'mine', origin: 'https://console.example.org' });
  t.deepEqual(proxy.directory.choices, [{ session: opening.session, mode: 'control' }]);
  proxy.proxy.end(opening.session, 'logout', 'You have logged out.');
  t.deepEqual(await page.closed, { code: 4001, reason: 'ended' });
  t.deepEqual(proxy.ended, []);
});

test('each end is told by a notice and a close code', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const refused = await connectPage(proxy);
  refused.say({ type: 'open', ticket: secret() });
  t.like(await refused.notice('ended'), { reason: 'ticket', resumable: false });
  t.deepEqual(await refused.closed, { code: 4000, reason: 'refused' });
  const moved = await openPage(proxy, openingOf(screen.target));
  proxy.proxy.end(moved.opened.session, 'moved', 'The machine moves.');
  t.like(await moved.page.notice('ended'), { reason: 'moved', message: 'The machine moves.', resumable: true });
  t.deepEqual(await moved.page.closed, { code: 4002, reason: 'moved' });
  const lost = await openPage(proxy, openingOf(screen.target));
  for (const socket of screen.sockets) socket.destroy();
  t.like(await lost.page.notice('ended'), { reason: 'target', resumable: true });
  t.deepEqual(await lost.page.closed, { code: 4001, reason: 'ended' });
  t.deepEqual(proxy.ended, [{ session: lost.opened.session, reason: 'target' }]);
  await proxy.proxy.use({ ...proxyDocument(proxy.address), draining: true });
  const late = await connectPage(proxy);
  t.like(await late.notice('ended'), { reason: 'draining', resumable: false });
  t.deepEqual(await late.closed, { code: 4005, reason: 'draining' });
});

test('a page that comes back to its session by the same proxy takes the place of its lost connection', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const opening = openingOf(screen.target);
  const before = await openPage(proxy, opening);
  const after = await openPage(proxy, opening);
  t.like(await before.page.notice('ended'), { reason: 'moved' });
  await after.page.handshake();
  t.is(proxy.proxy.report().sessions.length, 1);
  t.deepEqual(proxy.ended, []);
  await proxy.proxy.close();
  t.like(await after.page.notice('ended'), { reason: 'moved', resumable: true });
});

test('a session that ends while it is being opened opens nothing', async (t) => {
  const proxy = await startProxy(t);
  const silent = await startTarget(t, () => {});
  const opening = openingOf(silent.target);
  const page = await connectPage(proxy);
  page.say({ type: 'open', ticket: proxy.ticketFor(opening) });
  await eventually('the server was reached', () => silent.sockets.size === 1);
  proxy.proxy.end(opening.session, 'destroyed', 'The machine was destroyed.');
  t.like(await page.notice('ended'), { reason: 'destroyed', resumable: false });
  t.deepEqual(await page.closed, { code: 4000, reason: 'refused' });
  await eventually('the server was left', () => silent.sockets.size === 0);
  t.deepEqual(proxy.ended, []);
  t.deepEqual(proxy.proxy.report().sessions, []);
});

test('a session ends when nobody types, and in any case after its longest time', async (t) => {
  const proxy = await startProxy(t, { idleSeconds: 2 });
  const screen = await startScreen(t);
  const { page } = await openPage(proxy, openingOf(screen.target));
  await page.handshake();
  const asking = setInterval(() => page.webSocket.send(updateRequest), 200);
  t.like(await page.notice('ended'), { reason: 'idle', resumable: false });
  clearInterval(asking);
  await proxy.proxy.use(proxyDocument(proxy.address, { absoluteSeconds: 2 }));
  const typist = await openPage(proxy, openingOf(screen.target));
  await typist.page.handshake();
  const typing = setInterval(() => typist.page.webSocket.send(keyDown), 200);
  t.like(await typist.page.notice('ended'), { reason: 'absolute', resumable: false });
  clearInterval(typing);
});

test('who does not answer pings is gone', async (t) => {
  const proxy = await startProxy(t, { pingSeconds: 1 });
  const screen = await startScreen(t);
  const mute = await openPage(proxy, openingOf(screen.target), { autoPong: false });
  const live = await openPage(proxy, openingOf(screen.target));
  await live.page.handshake();
  await eventually('the mute one is gone', () => proxy.ended.length > 0);
  t.deepEqual(proxy.ended, [{ session: mute.opened.session, reason: 'closed' }]);
  live.page.webSocket.send(keyDown);
  t.deepEqual(await live.page.bytes(8), keyDown);
});

test('a slow reader holds few bytes, is closed as slow, and disturbs nobody', async (t) => {
  const proxy = await startProxy(t, { pingSeconds: 3 });
  const flood = Buffer.alloc(65_536);
  let sent = 0;
  const hose = await startTarget(t, (socket) => {
    const pour = () => {
      while (socket.writable && socket.write(flood)) sent += flood.length;
      sent += flood.length;
    };
    socket.on('drain', pour);
    pour();
  });
  const screen = await startScreen(t);
  const live = await openPage(proxy, openingOf(screen.target));
  await live.page.handshake();
  const slow = await openPage(proxy, openingOf(hose.target, { console: 'serial' }));
  slow.page.webSocket.pause();
  while (proxy.ended.length === 0) {
    live.page.webSocket.send(keyDown);
    t.deepEqual(await live.page.bytes(8), keyDown);
  }
  t.deepEqual(proxy.ended, [{ session: slow.opened.session, reason: 'slow' }]);
  // What the kernel holds for both sockets is most of it.
  t.true(sent < 64_000_000, `${sent} bytes were taken from the server`);
  slow.page.webSocket.terminate();
});

test('who does not read notices is closed as slow, also where the console says nothing', async (t) => {
  const proxy = await startProxy(t, { pingSeconds: 2 });
  const mute = await startTarget(t, () => {});
  const { page, opened } = await openPage(proxy, openingOf(mute.target, { console: 'serial' }));
  page.webSocket.pause();
  const viewers = Array.from({ length: 200 }, () => ({ user: 'u'.repeat(255), mode: 'watch' as const }));
  let told = 0;
  await eventually('it is closed', () => {
    for (let count = 0; count < 20 && proxy.ended.length === 0; count += 1) {
      if (told < 400) proxy.proxy.viewers(opened.session, 'control', viewers);
      told += 1;
    }
    return proxy.ended.length > 0;
  });
  t.deepEqual(proxy.ended, [{ session: opened.session, reason: 'slow' }]);
  page.webSocket.terminate();
});

test('a page that chooses on and on is asked for few choices', async (t) => {
  const proxy = await startProxy(t);
  const mute = await startTarget(t, () => {});
  const opening = openingOf(mute.target, { console: 'serial' });
  const { page } = await openPage(proxy, opening);
  proxy.directory.choose = async (_session, mode) => ({ ...opening, mode });
  const end = performance.now() + 2_000;
  for (let count = 0; performance.now() < end; count += 1) {
    page.say({ type: 'choose', mode: count % 2 === 0 ? 'watch' : 'control' });
    await page.roundTrip();
  }
  page.say({ type: 'choose', mode: 'watch' });
  await eventually('the last one counts', () => proxy.directory.choices.at(-1)?.mode === 'watch');
  t.true(proxy.directory.choices.length < 20, `${proxy.directory.choices.length} choices`);
});

test('readers that stop and go on get their own bytes, whole and in order, whatever the others get', async (t) => {
  const proxy = await startProxy(t);
  const [pieces, length] = [40, 200_000];
  const open = async (seed: number) => {
    const source = await startTarget(t, (socket) => {
      for (let piece = 0; piece < pieces; piece += 1) socket.write(Buffer.alloc(length, seed * pieces + piece));
    });
    return (await openPage(proxy, openingOf(source.target, { console: 'serial' }))).page;
  };
  const read = async (seed: number) => {
    const page = await open(seed);
    for (let piece = 0; piece < pieces; piece += 1) {
      page.webSocket.pause();
      await new Promise((resolve) => setTimeout(resolve, (seed + piece) % 4));
      page.webSocket.resume();
      const bytes = await page.bytes(length);
      if (!bytes.equals(Buffer.alloc(length, seed * pieces + piece))) return `piece ${piece} of ${seed} is not its own`;
    }
    return 'whole';
  };
  const found = await Promise.all([0, 1, 2, 3, 4].map(read));
  t.deepEqual(found, Array(5).fill('whole'));
});

test('bytes that are no message, text out of turn and huge frames end only the session they came in', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const live = await openPage(proxy, openingOf(screen.target));
  await live.page.handshake();
  const bad: [string, (page: typeof live.page) => void][] = [
    ['an unknown message', (page) => page.webSocket.send(Buffer.from([77, 1, 2, 3]))],
    ['a paste of 2 GiB', (page) => page.webSocket.send(Buffer.from([6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff]))],
    ['a second ticket', (page) => page.say({ type: 'open', ticket: secret() })],
    ['text that is no JSON', (page) => page.webSocket.send('{')],
    ['a huge frame', (page) => page.webSocket.send(randomBytes(100_000))],
    ['a wrong version', (page) => page.webSocket.send('RFB 009.000\n', { binary: true })],
  ];
  for (const [what, send] of bad) {
    const { page, opened } = await openPage(proxy, openingOf(screen.target));
    if (what !== 'a wrong version') await page.handshake();
    send(page);
    await page.closed;
    await eventually(what, () => proxy.ended.at(-1)?.session === opened.session);
    t.is(proxy.ended.at(-1)?.reason, 'malformed', what);
    live.page.webSocket.send(keyDown);
    t.deepEqual(await live.page.bytes(8), keyDown, what);
  }
  for (const send of [
    (page: typeof live.page) => page.say({ type: 'choose', mode: 'watch' }),
    (page: typeof live.page) => page.webSocket.send(Buffer.from([1])),
  ]) {
    const page = await connectPage(proxy);
    send(page);
    t.like(await page.notice('ended'), { reason: 'malformed', resumable: false });
    t.deepEqual(await page.closed, { code: 4003, reason: 'malformed' });
  }
});

test('no ticket, no password, no resume token and no address of a machine is in the log or reaches the page', async (t) => {
  const proxy = await startProxy(t);
  const screen = await startScreen(t);
  const password = `password-${randomUUID()}`;
  const opening = openingOf(screen.target, { security: { types: ['VncAuth', 'None'], password } });
  const { page } = await openPage(proxy, opening);
  await page.handshake();
  page.webSocket.send(Buffer.from([99]));
  await page.closed;
  const unreachable = openingOf({ kind: 'tcp', address: '127.0.0.1', port: 1 }, { security: opening.security });
  const other = await connectPage(proxy);
  const ticket = proxy.ticketFor(unreachable);
  other.say({ type: 'open', ticket });
  const ending = await other.notice('ended');
  t.like(ending, { reason: 'target', resumable: false });
  t.false(JSON.stringify(ending).includes('127.0.0.1'));
  const guess = secret();
  await t.throwsAsync(connectPage(proxy, { query: `?token=${guess}x`, protocol: 'binary' }));
  await proxy.proxy.close();
  const secrets = [password, opening.resume, ticket, guess, ...proxy.directory.requests.map((each) => each.ticket)];
  const log = proxy.log();
  t.true(log.includes('"reason":"malformed"') && log.includes('"reason":"target"'));
  for (const each of secrets) t.false(log.includes(each));
  t.is(page.webSocket.readyState, WebSocket.CLOSED);
});
