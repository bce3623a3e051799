// The tunnel over TLS. An agent stands on an address of loopback that stands for the control network.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { connect } from 'node:tls';
import { agentPort, joinCiphers } from '@isthmus/contract';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test from 'ava';
import { HostAgentError } from '../errors.ts';
import { serveTunnels } from './tunnel.ts';

const psk = randomBytes(32);
const tls12 = { ciphers: joinCiphers, maxVersion: 'TLSv1.2' } as const;
const gateway = parseIpv4Address('127.0.0.1');

/** An agent that does `serve` with each connection. */
async function agentAt(
  t: { teardown(end: () => void): void },
  address: string,
  serve: (socket: Socket) => void,
): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  server.listen(agentPort, address);
  await once(server, 'listening');
  t.teardown(() => void server.close());
}

/** A host agent's listener over TLS, whose appliances are at the addresses of their names. */
async function listener(t: { teardown(end: () => void): void }): Promise<{ port: number; end: () => void }> {
  const secure = createHttpsServer({ ...tls12, pskCallback: () => psk });
  const controlNicOf = (id: string) => {
    if (id === 'nobody') throw new HostAgentError('not-found', 'appliance nobody: expected one that this host has');
    const address = parseIpv4Address(`127.0.0.${id}`);
    return { address, gateway, prefixLength: 22, macAddress: parseMacAddress('06:00:00:00:00:01') };
  };
  const end = serveTunnels(secure, { controlNicOf }, () => true);
  const plain: Server = createServer({ allowHalfOpen: true }, (socket) => secure.emit('connection', socket));
  plain.listen(0, '127.0.0.1');
  await once(plain, 'listening');
  t.teardown(() => {
    end();
    plain.close();
  });
  return { port: (plain.address() as AddressInfo).port, end };
}

/** The tunnel's client end, or the answer's status and code where there is none. */
async function open(port: number, id: string): Promise<Socket | string> {
  const options = { ...tls12, pskCallback: () => ({ psk, identity: 'one' }), checkServerIdentity: () => undefined };
  const socket = connect({ host: '127.0.0.1', port, ...options });
  await once(socket, 'secureConnect');
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: 'isthmus-tunnel' };
    const call = request({ path: `/v1/appliances/${id}/agent`, headers, createConnection: () => socket });
    call.on('error', reject);
    call.on('upgrade', (_response, upgraded) => resolve(upgraded as Socket));
    call.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const { code } = JSON.parse(Buffer.concat(parts).toString()) as { code: string };
        resolve(`${response.statusCode} ${code}`);
      });
    });
    call.end();
  });
}

async function tunnelTo(port: number, id: string): Promise<Socket> {
  const socket = await open(port, id);
  if (typeof socket === 'string') throw new Error(socket);
  return socket;
}

async function readAll(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

test('megabytes pass both ways at once, and the end of one side is told to the other', async (t) => {
  const { port } = await listener(t);
  const answer = randomBytes(5_000_000);
  let question = Buffer.alloc(0);
  // It answers when it has heard the end, as HTTP over TLS may not, and a plain protocol does.
  await agentAt(t, '127.0.0.81', (socket) => {
    void readAll(socket).then((all) => {
      question = Buffer.from(all);
    });
    socket.write(answer);
    socket.once('end', () => socket.end('the last word'));
  });
  const sent = randomBytes(4_000_000);
  const socket = await tunnelTo(port, '81');
  const received = readAll(socket);
  socket.write(sent);
  // The client's own TLS ends both sides at once where it ends: the last word is read before.
  await new Promise((resolve) => setTimeout(resolve, 500));
  socket.end();
  const all = await received;
  t.true(all.subarray(0, answer.length).equals(answer));
  t.true(question.equals(sent));
});

test('an agent that is gone ends the tunnel, and a client that is gone ends the connection to the agent', async (t) => {
  const { port, end } = await listener(t);
  const waiting: ((socket: Socket) => void)[] = [];
  await agentAt(t, '127.0.0.82', (socket) => {
    // As every TLS peer does.
    socket.once('end', () => socket.end());
    waiting.shift()?.(socket.resume());
  });
  const pair = async () => {
    const accepted = new Promise<Socket>((resolve) => waiting.push(resolve));
    const client = await tunnelTo(port, '82');
    client.on('error', () => undefined);
    return { client: client.resume(), remote: await accepted };
  };
  const first = await pair();
  const closed = once(first.client, 'close');
  first.remote.resetAndDestroy();
  await closed;
  const second = await pair();
  const ended = once(second.remote, 'close');
  second.client.destroy();
  await ended;
  const third = await pair();
  const over = once(third.client, 'close');
  end();
  await over;
  t.true(first.client.destroyed && second.remote.destroyed && third.client.destroyed);
});

test('where there is no agent the answer is an error of the API', async (t) => {
  const { port } = await listener(t);
  t.is(await open(port, 'nobody'), '404 not-found');
  t.is(await open(port, '83'), '500 failed');
  t.is(await open(port, '..%2f..%2fetc'), '400 invalid');
});
