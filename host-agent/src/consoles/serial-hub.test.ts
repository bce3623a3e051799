// One port for all who look: a Unix socket that takes one client, as QEMU's does.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { before, type HubLimits, SerialHubs } from './serial-hub.ts';
import { connectTo } from './sources.ts';

/** A port that takes one client at a time. */
async function port(t: ExecutionContext, limits: Partial<HubLimits> = {}, log = '') {
  const directory = await mkdtemp(join(tmpdir(), 'ith-hub-'));
  const path = join(directory, 'serial.sock');
  const clients: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    clients.push(socket);
  });
  server.listen(path);
  await once(server, 'listening');
  const hubs = new SerialHubs();
  t.teardown(async () => {
    hubs.end();
    for (const client of clients) client.destroy();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  const view = () =>
    hubs.view({ noun: 'port', connect: () => connectTo(path, 'port'), log: async () => Buffer.from(log), limits });
  return { clients, view };
}

/** Reads until `length` bytes are there. */
async function read(viewer: Duplex, length: number): Promise<string> {
  let text = '';
  while (text.length < length) {
    const chunk: unknown = viewer.read();
    if (chunk === null) await once(viewer, 'readable');
    else text += String(chunk);
  }
  return text;
}

async function until(isDone: () => boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!isDone()) {
    if (Date.now() > end) throw new Error('it does not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function only(clients: readonly Socket[]): Socket {
  const [client] = clients;
  if (client === undefined) throw new Error('expected a client');
  return client;
}

test('all see the same, who comes later what was written last, and what all type comes in order', async (t) => {
  const { clients, view } = await port(t, { history: 8 }, 'long ago: written');
  const one = await view();
  t.is(await read(one, 8), ' written');
  only(clients).write('hello');
  t.is(await read(one, 5), 'hello');
  const two = await view();
  t.is(await read(two, 8), 'tenhello');
  only(clients).write('!');
  t.is(await read(one, 1), '!');
  t.is(await read(two, 1), '!');
  let typed = '';
  only(clients).on('data', (data) => {
    typed += String(data);
  });
  one.write('a');
  await until(() => typed === 'a');
  two.write('b');
  await until(() => typed === 'ab');
  one.write('c');
  await until(() => typed === 'abc');
  t.is(clients.length, 1);
  one.destroy();
  only(clients).write('?');
  t.is(await read(two, 1), '?');
  two.destroy();
  await once(only(clients), 'close');
  const three = await view();
  t.is(await read(three, 8), ' written');
  t.is(clients.length, 2);
});

test('what the log and the port both say is said once', (t) => {
  t.is(String(before(Buffer.from('boot\nlogin: ab'), Buffer.from('abc'))), 'boot\nlogin: ');
  t.is(String(before(Buffer.from('boot\n'), Buffer.from('login'))), 'boot\n');
  t.is(String(before(Buffer.from(''), Buffer.from('login'))), '');
});

test('who does not read is ended, and the others go on', async (t) => {
  const { clients, view } = await port(t, { pause: 100_000, backlog: 200_000 });
  const [lazy, keen] = [await view(), await view()];
  let heard = 0;
  keen.on('data', (data: Buffer) => {
    heard += data.length;
  });
  const chunk = Buffer.alloc(10_000, 'x');
  for (let sent = 1; sent <= 100; sent += 1) {
    only(clients).write(chunk);
    await until(() => heard === sent * chunk.length);
  }
  t.true(lazy.destroyed);
  t.false(keen.destroyed);
});

test('where nobody reads the port waits for a while, and then goes on without them', async (t) => {
  const { clients, view } = await port(t, { pause: 100_000, backlog: 400_000, stallMs: 300 });
  const slow = await view();
  const client = only(clients);
  const flood = Buffer.alloc(4_000_000, 'x');
  let isWritten = false;
  client.write(flood, () => {
    isWritten = true;
  });
  await until(() => slow.readableLength > 100_000);
  t.false(slow.destroyed);
  t.false(isWritten);
  let length = 0;
  slow.on('data', (data: Buffer) => {
    length += data.length;
  });
  await until(() => length === flood.length);
  t.true(isWritten);
  slow.pause();
  client.write(flood);
  await once(slow, 'close');
  t.true(length < 2 * flood.length);
  await until(() => client.destroyed);
});

test('a guest that does not read what is typed holds back who types', async (t) => {
  const { clients, view } = await port(t);
  const viewer = await view();
  const client = only(clients).pause();
  let accepted = 0;
  const chunk = Buffer.alloc(16_384, 'k');
  while (viewer.write(chunk, () => (accepted += chunk.length)) || accepted > viewer.writableLength) {
    await new Promise((resolve) => setImmediate(resolve));
    if (accepted > 4_000_000) break;
  }
  t.true(accepted < 4_000_000);
  let heard = 0;
  client.on('data', (data) => {
    heard += data.length;
  });
  client.resume();
  await until(() => viewer.writableLength === 0 && heard === accepted);
  t.false(viewer.destroyed);
});

test('the end of the port is the end of all, and the next viewer connects anew', async (t) => {
  const { clients, view } = await port(t);
  const [one, two] = [await view(), await view()];
  const ends = Promise.all([one, two].map((viewer) => once(viewer.resume(), 'close')));
  only(clients).end('bye');
  await ends;
  const three = await view();
  clients.at(-1)?.write('again');
  t.is(await read(three, 5), 'again');
});

test('a port stays for a while when nobody looks, where it should', async (t) => {
  const { clients, view } = await port(t, { keepMs: 60_000 });
  const one = await view();
  one.destroy();
  await once(one, 'close');
  only(clients).write('meanwhile');
  await until(() => only(clients).writableLength === 0);
  const two = await view();
  t.is(await read(two, 9), 'meanwhile');
  t.is(clients.length, 1);
  const short = await port(t, { keepMs: 50 });
  const three = await short.view();
  three.destroy();
  await once(only(short.clients), 'close');
});

test('a port has so many viewers and no more, and one that does not answer is an error', async (t) => {
  const { view } = await port(t, { viewers: 1 });
  await view();
  await t.throwsAsync(view(), { message: /expected at most 1 viewers/ });
  const hubs = new SerialHubs();
  const absent = { noun: 'console serial of instance 1', log: async () => Buffer.alloc(0) };
  const connection = () => connectTo('/tmp/there-is-no-such-socket', absent.noun);
  await t.throwsAsync(hubs.view({ ...absent, connect: connection }), {
    message: /console serial of instance 1: does not answer/,
  });
});
