// The door of a host that is a network namespace, with its guard, and appliances that are namespaces on its control network.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConsoleGrant, consoleDoorPort } from '@isthmus/contract';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import test, { type ExecutionContext } from 'ava';
import { ControlNetwork } from '../control/control-network.ts';
import { SegmentBridges } from '../wiring/segment-bridges.ts';
import { Consoles } from './consoles.ts';
import { connectTo, openToAll } from './sources.ts';

const machine = createHost({ log: silentLog });
const installation = 'ab12';

interface Place {
  readonly host: Host;
  readonly consoles: Consoles;
  readonly control: ControlNetwork;
  readonly gateway: string;
  /** Appliances of this host, by their ids. */
  readonly appliances: ReadonlyMap<string, Host>;
  /** Somebody on another network of the host, whose way to the control network leads through it. */
  readonly stranger: Host;
  /** The console of every machine. */
  readonly server: Server;
}

/** Answers each line with `said LINE`, and the line `bye` with its end. */
async function machineConsole(path: string) {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.write('console\n');
    socket.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) socket.write(`said ${line}\n`);
      if (text.includes('bye')) socket.end();
    });
  });
  server.listen(path);
  await once(server, 'listening');
  return server;
}

async function place(t: ExecutionContext, appliances = 2): Promise<Place> {
  const name = `t${randomBytes(4).toString('hex')}`;
  const directory = await mkdtemp(join(tmpdir(), 'ith-door-'));
  const names = [name, `${name}-s`, ...Array.from({ length: appliances }, (_, index) => `${name}-${index}`)];
  for (const each of names) await machine.commands.run('ip', ['netns', 'add', each]);
  const host = createNamespaceHost(machine, name);
  const ip = (lines: string[]) => host.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  await ip(['link set dev lo up']);
  await host.files.makeDirectory(`${directory}/host-agent`);
  const bridges = new SegmentBridges(host.commands, installation);
  await bridges.open([]);
  const context = { host, installation, state: directory, bridges };
  const control = new ControlNetwork(context);
  const server = await machineConsole(`${directory}/console.sock`);
  const consoles = new Consoles({
    ...{ host, control, peers: null },
    stateOf: () => ({ state: 'Running' }),
    machines: {
      source: async () => ({ security: openToAll, open: () => connectTo(`${directory}/console.sock`, 'console') }),
      end: () => undefined,
    },
  });
  t.teardown(async () => {
    await consoles.release();
    server.close();
    for (const each of names) await machine.commands.run('ip', ['netns', 'delete', each]);
    await rm(directory, { recursive: true, force: true });
  });
  const found = new Map<string, Host>();
  for (let index = 0; index < appliances; index += 1) {
    const id = randomUUID();
    const { address, prefixLength, macAddress } = await control.allocate(id);
    const to = `${name}-${index}`;
    await ip([
      `link add name a${index} type veth peer name eth1 address ${macAddress} netns ${to}`,
      `link set dev a${index} master ${control.bridge} up`,
      `-netns ${to} link set dev lo up`,
    ]).catch(() => undefined);
    await machine.commands.run('ip', ['-netns', to, 'address', 'add', `${address}/${prefixLength}`, 'dev', 'eth1']);
    await machine.commands.run('ip', ['-netns', to, 'link', 'set', 'dev', 'eth1', 'up']);
    found.set(id, createNamespaceHost(machine, to));
  }
  await ip([`link add name lan type veth peer name eth0 netns ${name}-s`, 'link set dev lan up']);
  await ip(['address add 192.0.2.1/24 dev lan']);
  const away = `${name}-s`;
  await machine.commands.run('ip', ['-netns', away, 'address', 'add', '192.0.2.2/24', 'dev', 'eth0']);
  await machine.commands.run('ip', ['-netns', away, 'link', 'set', 'dev', 'eth0', 'up']);
  await machine.commands.run('ip', ['-netns', away, 'route', 'add', 'default', 'via', '192.0.2.1']);
  const gateway = control.gateway() ?? '';
  const stranger = createNamespaceHost(machine, away);
  return { host, consoles, control, gateway, appliances: found, stranger, server };
}

function nth(all: ReadonlyMap<string, Host>, index: number): [string, Host] {
  const entry = [...all][index];
  if (entry === undefined) throw new Error(`expected appliance ${index}`);
  return entry;
}

function newSecret(): { secret: string; secretSha256: string } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, secretSha256: createHash('sha256').update(secret).digest('hex') };
}

function grantTo(appliance: string, secretSha256: string, seconds = 60): ConsoleGrant {
  const from = { machine: 'instance', id: randomUUID(), console: 'vnc' } as const;
  return { secretSha256, to: { appliance }, from, seconds };
}

function head(id: string, secret: string, more: string[] = []): string {
  const lines = [`GET /v1/consoles/${id}/stream HTTP/1.1`, 'Host: door', 'Connection: Upgrade'];
  const all = [...lines, 'Upgrade: isthmus-tunnel', `Authorization: Bearer ${secret}`, ...more];
  return `${all.join('\r\n')}\r\n\r\n`;
}

/** All that comes back to a text that is sent to the door; it is waited for `seconds` for the next of it. */
async function say(from: Host, gateway: string, input: string, seconds = 15): Promise<string> {
  const args = ['-w', String(seconds), gateway, String(consoleDoorPort)];
  return (await from.commands.run('nc', args, { input, okCodes: [0, 1] })).stdout;
}

test('what was granted is opened by its proxy, once, with its secret', async (t) => {
  const { consoles, gateway, appliances, stranger, host } = await place(t);
  const [id, proxy] = nth(appliances, 0);
  const [, other] = nth(appliances, 1);
  const session = randomUUID();
  const { secret, secretSha256 } = newSecret();
  t.deepEqual(await consoles.grant(session, grantTo(id, secretSha256)), { security: { types: ['None'] } });
  const refused = /^HTTP\/1\.1 404 .*expected a grant that waits for who asks/s;
  t.regex(await say(proxy, gateway, head(session, newSecret().secret)), refused, 'another secret');
  t.regex(await say(proxy, gateway, head(randomUUID(), secret)), refused, 'another session');
  t.regex(await say(other, gateway, head(session, secret)), refused, 'another appliance');
  t.is(await say(stranger, gateway, head(session, secret), 1), '', 'from another network');
  t.is(await say(host, gateway, head(session, secret), 1), '', 'the host itself');
  const answer = await say(proxy, gateway, `${head(session, secret)}hello\nbye\n`);
  t.regex(answer, /^HTTP\/1\.1 101 .*\r\n\r\nconsole\nsaid hello\nsaid bye\n$/s);
  t.regex(await say(proxy, gateway, head(session, secret)), refused, 'again');
});

test('a grant ends with its time, with another one, and when it is revoked', async (t) => {
  const { consoles, gateway, appliances, server } = await place(t, 1);
  const [id, proxy] = nth(appliances, 0);
  const session = randomUUID();
  const [one, two] = [newSecret(), newSecret()];
  await consoles.grant(session, grantTo(id, one.secretSha256, 1));
  await new Promise((resolve) => setTimeout(resolve, 1100));
  t.regex(await say(proxy, gateway, head(session, one.secret)), /404/);
  await consoles.grant(session, grantTo(id, one.secretSha256));
  await consoles.grant(session, grantTo(id, two.secretSha256));
  t.regex(await say(proxy, gateway, head(session, one.secret)), /404/);
  for (const end of [() => consoles.revoke(session), () => consoles.grant(session, grantTo(id, one.secretSha256))]) {
    await consoles.grant(session, grantTo(id, two.secretSha256));
    const isOpen = once(server, 'connection').then(([socket]) => once(socket, 'data'));
    const open = say(proxy, gateway, `${head(session, two.secret)}hello\n`);
    await isOpen;
    const begin = Date.now();
    end();
    // Were it not ended, nc would stay for as long as it waits.
    t.regex(await open, /^HTTP\/1\.1 101 /);
    t.true(Date.now() - begin < 8000);
  }
  t.regex(await say(proxy, gateway, `${head(session, one.secret)}bye\n`), /101/);
});

test('everything but the stream is refused', async (t) => {
  const { consoles, gateway, appliances } = await place(t, 1);
  const [id, proxy] = nth(appliances, 0);
  const session = randomUUID();
  const { secret, secretSha256 } = newSecret();
  await consoles.grant(session, grantTo(id, secretSha256));
  const get = (line: string) => `${line} HTTP/1.1\r\nHost: door\r\n\r\n`;
  for (const line of [
    'GET /',
    'GET /v1/host',
    `DELETE /v1/consoles/${session}`,
    'POST /v1/exit',
    'GET /v1/instances',
  ]) {
    t.regex(await say(proxy, gateway, get(line)), /^HTTP\/1\.1 404 .*connection: close.*an upgrade/s, line);
  }
  const asked = head(session, secret);
  t.regex(await say(proxy, gateway, asked.replace('GET', 'POST')), /^HTTP\/1\.1 404 /);
  t.regex(await say(proxy, gateway, asked.replace('isthmus-tunnel', 'websocket')), /^HTTP\/1\.1 400 /);
  t.regex(await say(proxy, gateway, asked.replace('Bearer', 'Basic')), /^HTTP\/1\.1 400 /);
  t.regex(await say(proxy, gateway, asked.replace('/v1/consoles', '/v1/../v1/consoles')), /^HTTP\/1\.1 404 /);
  t.is(await say(proxy, gateway, head(session, secret, [`X-Long: ${'x'.repeat(5000)}`])), '');
  t.is(await say(proxy, gateway, 'RFB 003.008\n\r\n'), '');
  for (const text of [asked.replace(secret, `${secret}=`), asked.replace('GET', 'PUT')]) {
    t.notRegex(await say(proxy, gateway, text), new RegExp(secret));
  }
  t.regex(await say(proxy, gateway, `${asked}bye\n`), /^HTTP\/1\.1 101 /);
});

test('what the host guards: one port of one address, from the control network', async (t) => {
  const { consoles, gateway, appliances, stranger, host } = await place(t, 1);
  const [id, proxy] = nth(appliances, 0);
  await consoles.grant(randomUUID(), grantTo(id, newSecret().secretSha256));
  const reaches = async (from: Host, address: string, port: number) => {
    const args = ['-z', '-w', '1', address, String(port)];
    return (await from.commands.run('nc', args, { okCodes: [0, 1] })).exitCode === 0;
  };
  const [other] = await host.sockets.listen([{ address: '0.0.0.0', port: consoleDoorPort + 1 }]);
  const [elsewhere] = await host.sockets.listen([{ address: '192.0.2.1', port: consoleDoorPort }]);
  t.teardown(() => [other, elsewhere].map((server) => server?.close()));
  t.true(await reaches(proxy, gateway, consoleDoorPort));
  t.false(await reaches(proxy, gateway, consoleDoorPort + 1));
  await proxy.commands.run('ip', ['route', 'add', 'default', 'via', gateway]);
  t.false(await reaches(proxy, '192.0.2.1', consoleDoorPort));
  t.true(await reaches(stranger, '192.0.2.1', consoleDoorPort));
  t.false(await reaches(stranger, gateway, consoleDoorPort));
  t.true(await reaches(stranger, '192.0.2.1', consoleDoorPort + 1));
});

test('a proxy that says nothing, or says it slowly, is not waited for, and holds nobody up', async (t) => {
  const { consoles, gateway, appliances } = await place(t);
  const [, hostile] = nth(appliances, 0);
  const [id, proxy] = nth(appliances, 1);
  const session = randomUUID();
  const { secret, secretSha256 } = newSecret();
  await consoles.grant(session, grantTo(id, secretSha256));
  const many = [
    'import socket, sys, time',
    'open = []',
    'for _ in range(300):',
    '    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)',
    "    s.sendall(b'GET /v1/consoles')",
    '    open.append(s)',
    'print("open", flush=True)',
    'begin = time.time()',
    'for s in open:',
    '    s.settimeout(20)',
    '    try:',
    '        while s.recv(100): pass',
    '    except ConnectionResetError: pass',
    'print("ended", time.time() - begin < 15)',
  ].join('\n');
  const args = ['-c', many, gateway, String(consoleDoorPort)];
  const flood = hostile.commands.run('/usr/bin/python3', args, { timeoutMs: 60_000 });
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.regex(await say(proxy, gateway, `${head(session, secret)}bye\n`), /^HTTP\/1\.1 101 /);
  t.is((await flood).stdout, 'open\nended True\n');
});

test('the door is there again after the bridge was gone, and after it was shut', async (t) => {
  const { consoles, control, gateway, appliances, host } = await place(t, 1);
  const [id, proxy] = nth(appliances, 0);
  const opens = async () => {
    const session = randomUUID();
    const { secret, secretSha256 } = newSecret();
    await consoles.grant(session, grantTo(id, secretSha256));
    return (await say(proxy, gateway, `${head(session, secret)}bye\n`)).startsWith('HTTP/1.1 101 ');
  };
  t.true(await opens());
  await host.commands.run('ip', ['link', 'delete', 'dev', control.bridge]);
  await control.heal();
  await consoles.heal();
  await host.commands.run('ip', ['link', 'set', 'dev', 'a0', 'master', control.bridge, 'up']);
  t.true(await opens());
  await consoles.release();
  t.is(await say(proxy, gateway, head(randomUUID(), newSecret().secret)), '');
  await consoles.heal();
  t.true(await opens());
});

test('no door, no grant', async (t) => {
  const { consoles, control } = await place(t, 0);
  t.is(control.gateway(), null);
  const id = randomUUID();
  await t.throwsAsync(consoles.grant(randomUUID(), grantTo(id, newSecret().secretSha256)), {
    message: `appliance ${id}: expected one with a control NIC on this host`,
  });
  await t.throwsAsync(
    consoles.grant(randomUUID(), {
      ...grantTo(id, newSecret().secretSha256),
      to: { host: id },
    }),
    { message: `host ${id}: this host speaks to no other one` },
  );
});
