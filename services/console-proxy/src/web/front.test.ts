// Who comes in and who does not: paths, Origins, headers, connections that never finish, TLS and addresses exchanged.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { consoleSocketPath } from '@isthmus/contract';
import test, { type ExecutionContext } from 'ava';
import {
  connectPage,
  eventually,
  openingOf,
  openPage,
  pageOrigin,
  proxyDocument,
  secret,
  startProxy,
  startTarget,
  type TestProxy,
} from '../proxy-fixture.ts';

/** What the proxy answers to raw bytes, until it closes or has answered a head. */
async function ask(proxy: TestProxy, request: string): Promise<string> {
  const socket = connect(proxy.port, proxy.address);
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    if (text.startsWith('HTTP/1.1 101')) socket.destroy();
  });
  socket.write(request);
  await once(socket, 'close');
  return text;
}

const upgradeHeaders = {
  Host: 'proxy:8080',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  'Sec-WebSocket-Protocol': 'isthmus.console',
  Origin: pageOrigin,
};
function upgrade(headers: Readonly<Record<string, string | null>> = {}, path: string = consoleSocketPath, more = '') {
  const lines = Object.entries({ ...upgradeHeaders, ...headers }).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}`],
  );
  return `GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n${more}\r\n`;
}

/** A serial console that echoes, open in a page: a neighbour who must not notice anything. */
async function neighbour(t: ExecutionContext, proxy: TestProxy) {
  const { target } = await startTarget(t, (socket) => void socket.pipe(socket));
  const { page } = await openPage(proxy, openingOf(target, { console: 'serial' }), { localAddress: '127.0.0.2' });
  return async () => {
    page.webSocket.send(Buffer.from('ping'));
    t.is((await page.bytes(4)).toString(), 'ping');
  };
}

test('health and the socket are all that there is; nothing redirects', async (t) => {
  const proxy = await startProxy(t);
  t.regex(await ask(proxy, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'), /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)+\r\nok\n$/);
  for (const path of ['/', '//example.com/%2F..', '/websockify', '/healthz/..', '/%2e%2e/etc/passwd', '/console/x']) {
    for (const method of ['GET', 'POST', 'OPTIONS']) {
      const answer = await ask(proxy, `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
      t.regex(answer, /^HTTP\/1\.1 40[04] /, `${method} ${path}`);
      t.notRegex(answer, /location:/i);
    }
  }
  for (const path of ['//example.com/websockify', '/websockify/', '/websockify?token=x?y', 'http://x/websockify']) {
    t.regex(await ask(proxy, upgrade({}, path)), /^HTTP\/1\.1 404 /, path);
  }
});

test('a WebSocket needs exactly one Origin, and one of the pages', async (t) => {
  const proxy = await startProxy(t);
  const served = await neighbour(t, proxy);
  t.regex(await ask(proxy, upgrade()), /^HTTP\/1\.1 101 /);
  const refused: [string, string][] = [
    ['none', upgrade({ Origin: null })],
    ['null', upgrade({ Origin: 'null' })],
    ['another', upgrade({ Origin: 'https://evil.example.org' })],
    ['longer', upgrade({ Origin: `${pageOrigin}.evil.org` })],
    ['another scheme', upgrade({ Origin: pageOrigin.replace('https', 'http') })],
    ['two', upgrade({}, consoleSocketPath, `Origin: ${pageOrigin}\r\n`)],
    ['two, one of them wrong', upgrade({}, consoleSocketPath, 'Origin: https://evil.example.org\r\n')],
    ['a list', upgrade({ Origin: `${pageOrigin}, https://evil.example.org` })],
    ['forwarded', upgrade({ Origin: 'https://evil.org', 'X-Forwarded-Host': 'console.example.org' })],
    ['no ticket in a plain request', upgrade({ 'Sec-WebSocket-Protocol': 'binary' })],
    ['two tickets', upgrade({ 'Sec-WebSocket-Protocol': null }, `${consoleSocketPath}?token=${secret()}&token=a`)],
  ];
  for (const [what, request] of refused) t.regex(await ask(proxy, request), /^HTTP\/1\.1 403 /, what);
  const bad: [string, string][] = [
    ['no Host', upgrade({ Host: null })],
    ['two Hosts', upgrade({}, consoleSocketPath, 'Host: other\r\n')],
    ['a Host that is none', upgrade({ Host: 'a/b' })],
    ['two keys', upgrade({}, consoleSocketPath, `Sec-WebSocket-Key: ${upgradeHeaders['Sec-WebSocket-Key']}\r\n`)],
    ['a body', upgrade({ 'Content-Length': '5' })],
    ['another version', upgrade({ 'Sec-WebSocket-Version': '12' })],
  ];
  for (const [what, request] of bad) t.regex(await ask(proxy, request), /^HTTP\/1\.1 4(?:00|26) |^$/, what);
  t.regex(await ask(proxy, upgrade({ 'X-Long': 'x'.repeat(20_000) })), /^HTTP\/1\.1 431 |^$/);
  t.deepEqual(proxy.directory.requests.length, 1);
  await served();
});

test('what X-Forwarded headers say is not believed', async (t) => {
  const proxy = await startProxy(t);
  const headers = { 'X-Forwarded-For': '192.0.2.9', Forwarded: 'for=192.0.2.9', 'X-Real-IP': '192.0.2.9' };
  const page = await connectPage(proxy, { headers, localAddress: '127.0.0.3' });
  page.say({ type: 'open', ticket: secret() });
  await page.notice('ended');
  t.is(proxy.directory.requests[0]?.clientAddress, '127.0.0.3');
});

test('1,000 connections that never finish are bounded, of one address and of all, and others go on', async (t) => {
  const proxy = await startProxy(t, { pending: 200, pendingPerAddress: 100, handshakeSeconds: 5 });
  const served = await neighbour(t, proxy);
  const sockets: Socket[] = [];
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
  });
  const begun = ['', 'GET /websockify HTTP/1.1\r\nHo', upgrade()];
  for (let number = 0; number < 1000; number += 1) {
    const localAddress = `127.0.1.${1 + (number % 4)}`;
    const socket = connect({ port: proxy.port, host: proxy.address, localAddress });
    socket.on('error', () => {}).on('data', () => {});
    socket.write(begun[number % begun.length] ?? '');
    sockets.push(socket);
    if (number % 100 === 99) {
      await served();
      t.true(proxy.proxy.report().pending <= 200);
    }
  }
  await served();
  await eventually('every one of them is gone', () => sockets.every((socket) => socket.destroyed));
  t.is(proxy.proxy.report().pending, 0);
  await served();
  const page = await connectPage(proxy, { localAddress: '127.0.1.1' });
  page.say({ type: 'open', ticket: secret() });
  t.like(await page.notice('ended'), { reason: 'ticket' });
  t.regex(proxy.log(), /too many connections without a session: full/);
  t.true(proxy.log().split('\n').length < 200, 'the log was not filled');
});

test('one client address has its share of those without a session, and no more', async (t) => {
  const proxy = await startProxy(t, { pendingPerAddress: 3 });
  const pages = [];
  for (let number = 0; number < 3; number += 1) {
    pages.push(await connectPage(proxy, { localAddress: '127.0.0.5' }));
  }
  await t.throwsAsync(connectPage(proxy, { localAddress: '127.0.0.5' }));
  const other = await connectPage(proxy, { localAddress: '127.0.0.6' });
  pages[0]?.webSocket.close();
  await pages[0]?.closed;
  await eventually('there is room again', () => proxy.proxy.report().pending === 3);
  const again = await connectPage(proxy, { localAddress: '127.0.0.5' });
  for (const page of [other, again]) {
    page.say({ type: 'open', ticket: secret() });
    t.like(await page.notice('ended'), { reason: 'ticket' });
  }
});

test('another port and other origins: open sessions go on, new ones come by the new ones alone', async (t) => {
  const proxy = await startProxy(t);
  const served = await neighbour(t, proxy);
  const document = proxyDocument(proxy.address);
  await proxy.proxy.use({ ...document, port: 8081, origins: ['https://other.example.org'] });
  await served();
  // A process that was being started has the closed socket too, until it runs its program: until then they are reset.
  const codeOf = (error: NodeJS.ErrnoException) => error.code;
  while ((await connectPage(proxy).catch(codeOf)) === 'ECONNRESET');
  await t.throwsAsync(connectPage(proxy), { code: 'ECONNREFUSED' });
  const there = { ...proxy, port: 8081 };
  await t.throwsAsync(connectPage(there), { message: /403/ });
  const page = await connectPage(there, { origin: 'https://other.example.org' });
  page.webSocket.close();
  await t.throwsAsync(proxy.proxy.use({ ...document, tls: { certificateChain: 'x', privateKey: 'y' } }));
  await served();
});

test('who shows tickets in vain on and on is turned away for a while, and nobody else is', async (t) => {
  const proxy = await startProxy(t);
  const guess = async () => {
    const page = await connectPage(proxy);
    page.say({ type: 'open', ticket: secret() });
    await page.closed;
  };
  for (let round = 0; round < 6; round += 1) await Promise.all(Array.from({ length: 10 }, guess));
  t.is(proxy.directory.requests.length, 60);
  await t.throwsAsync(connectPage(proxy), { message: /429/ });
  t.is(proxy.directory.requests.length, 60);
  t.regex(proxy.log(), /too many tickets in vain/);
  await (await neighbour(t, proxy))();
});
