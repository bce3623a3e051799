import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { doorOf } from './door.ts';

const target = { kind: 'door', id: 'session-1', secret: 's'.repeat(43) } as const;
const never = new AbortController().signal;
const loopback = { address: parseIpv4Address('127.0.0.1'), gateway: parseIpv4Address('127.0.0.1') };

/** A host's door that says `answer` to whatever it is asked; null: nothing. Answers with the port and the requests. */
async function doorThatSays(t: ExecutionContext, answer: string | null) {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (request: Buffer) => {
      requests.push(request.toString());
      if (answer !== null) socket.write(answer);
      socket.pipe(socket);
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: isthmus-tunnel\r\n\r\n';

test('the door is asked for the session with its secret, and its bytes go both ways from the first one', async (t) => {
  const { port, requests } = await doorThatSays(t, `${upgraded}RFB`);
  const stream = await doorOf(loopback, port)(target, never);
  t.teardown(() => stream.destroy());
  const [first] = await once(stream, 'data');
  t.is(String(first), 'RFB');
  stream.write('echo');
  const [second] = await once(stream, 'data');
  t.is(String(second), 'echo');
  t.regex(requests[0] ?? '', /^GET \/v1\/consoles\/session-1\/stream HTTP\/1\.1\r\n/);
  t.regex(requests[0] ?? '', /\r\nupgrade: isthmus-tunnel\r\n/i);
  t.regex(requests[0] ?? '', new RegExp(`\r\nauthorization: Bearer ${target.secret}\r\n`, 'i'));
});

test('a door that refuses, that says something else, and that is not there are told apart without the secret', async (t) => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno', /404 in place of 101/],
    [upgraded.replace('isthmus-tunnel', 'websocket'), /upgrade to isthmus-tunnel/],
    [`HTTP/1.1 101 x\r\nUpgrade: isthmus-tunnel\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, /overflow/i],
    ['garbage\r\n\r\n', /parse error|expected http/i],
  ];
  for (const [answer, expected] of rows) {
    const { port } = await doorThatSays(t, answer);
    const error = await t.throwsAsync(doorOf(loopback, port)(target, never));
    t.regex(error?.message ?? '', expected);
    t.false(String(error?.stack).includes(target.secret));
  }
  const { port } = await doorThatSays(t, null);
  await t.throwsAsync(doorOf({ ...loopback, gateway: parseIpv4Address('127.0.0.9') }, port)(target, never), {
    message: /ECONNREFUSED/,
  });
});

test('a door that says nothing is left when the caller gives up', async (t) => {
  const { port, requests } = await doorThatSays(t, null);
  const ended = new AbortController();
  const opening = doorOf(loopback, port)(target, ended.signal);
  while (requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  ended.abort(new Error('the viewer went'));
  await t.throwsAsync(opening, { message: /the viewer went/ });
  await t.throwsAsync(async () => doorOf(loopback, port)(target, ended.signal), { message: /the viewer went/ });
});
