// What one host may ask of another: to open the streams of an instance that was announced to come from it, until the move
// ends, and nothing else.
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, connect as netConnect, type Server } from 'node:net';
import { connect } from 'node:tls';
import type { Incoming, InstanceSpec, MigrationDestination } from '@isthmus/contract';
import { createHost, silentLog } from '@isthmus/host';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { createServer as createApi } from '../../host-agent/src/api/server.ts';
import type { Presence, VirtualMachineDriver } from '../../host-agent/src/drivers/driver.ts';
import { HostAgent } from '../../host-agent/src/host-agent.ts';
import { HostIdentityStore } from '../../host-agent/src/identity/host-identity.ts';
import { HostTransport } from '../../host-agent/src/identity/host-transport.ts';
import { Listener } from '../../host-agent/src/identity/listener.ts';
import { SegmentBridges } from '../../host-agent/src/wiring/segment-bridges.ts';
import { HostClient } from '../../orchestrator/drivers/host-client.ts';
import { waitFor } from '../lab/clients.ts';
import { ControlPki, type Credentials } from '../lab/control-pki.ts';

const installation = 'ab12';
const sha256 = 'a'.repeat(64);
const machine = createHost({ log: silentLog });

let pki: ControlPki;
test.before(async () => {
  pki = await ControlPki.create(installation);
});

const spec: InstanceSpec = {
  hostname: 'guest' as InstanceSpec['hostname'],
  nics: [
    {
      name: 'eth0' as InstanceSpec['nics'][number]['name'],
      macAddress: parseMacAddress('02:00:00:00:00:05'),
      segment: { kind: 'guest', id: 'segment', vni: 5 },
      addresses: [parseIpv4Address('10.1.0.5')],
    },
  ],
  machine: { image: { sha256, format: 'qcow2' }, cpus: 1, memoryBytes: 64 * 1024 * 1024 },
};

/** A host whose driver makes nothing: each stream leads to a server that says its name and then all that it hears. */
interface Place {
  readonly destination: MigrationDestination;
  readonly directory: string;
  /** What its driver was asked to do. */
  readonly calls: string[];
  /** Where instances that were announced are. */
  presence: Presence;
}

async function place(t: ExecutionContext): Promise<Place> {
  const directory = await mkdtemp('/tmp/isthmus-incoming-');
  const hostId = randomUUID();
  const calls: string[] = [];
  const echoes: Server[] = [];
  const found: { presence: Presence } = { presence: 'absent' };
  const note = (name: string) => async (id: string) => void calls.push(`${name} ${id}`);
  const nothing = async () => undefined;
  const driver: VirtualMachineDriver = {
    ...{ name: 'libvirt', accelerator: 'tcg', open: nothing },
    ...{ ensureInstance: note('ensure'), changeInstance: nothing, haltInstance: nothing },
    ...{ removeInstance: note('remove'), leasedAddress: async () => null, broken: async () => [] },
    ...{ serialTail: async () => '', healPacketFilters: nothing, removeEverything: nothing },
    ...{ ensureAppliance: nothing, changeAppliance: nothing, haltAppliance: nothing, removeAppliance: nothing },
    ...{ ejectConfigDrive: nothing, migrateInstance: nothing, vncPassword: async () => null },
    consoles: () => ({ vnc: '', serial: '', serialLog: '' }),
    instancePresence: async () => found.presence,
    receiveInstance: async (id) => {
      calls.push(`receive ${id}`);
      const listen = async (stream: string) => {
        const server = createServer({ allowHalfOpen: true }, (socket) => {
          socket.write(`${stream}:`);
          socket.pipe(socket);
        });
        echoes.push(server);
        await rm(`${directory}/${stream}.sock`, { force: true });
        await new Promise<void>((resolve) => server.listen(`${directory}/${stream}.sock`, resolve));
        return `${directory}/${stream}.sock`;
      };
      return { libvirt: await listen('libvirt'), memory: await listen('memory'), disks: await listen('disks') };
    },
  };
  await mkdir(`${directory}/images`);
  await writeFile(`${directory}/images/${sha256}`, '');
  const agent = new HostAgent({
    ...{ host: machine, installation, state: directory, run: `${directory}/run`, version: '0', driver },
    ...{ bridges: new SegmentBridges(machine.commands, installation), tunnels: null, createServices: () => [] },
  });
  const own = await pki.issue('host', hostId);
  const grant = { certificate: own.certificate, authorities: [pki.authority.certificate], revoked: [] };
  const app = createApi(agent, () => undefined);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const listener = new Listener({
    ...{ address: '127.0.0.1', port, app, agent, log: silentLog },
    store: new HostIdentityStore(machine.files, directory),
    membership: { identity: { hostId, installation, privateKey: own.privateKey, grant, pendingKey: null } },
  });
  await app.ready();
  await listener.listen();
  t.teardown(async () => {
    await listener.close();
    await app.close();
    await agent.incoming().release();
    for (const echo of echoes) echo.close();
    await rm(directory, { recursive: true, force: true });
  });
  return Object.assign(found, { destination: { hostId, address: '127.0.0.1', port }, directory, calls });
}

/** A client of the place that shows somebody's certificate. */
function clientOf(t: ExecutionContext, { destination }: Place, shown: Credentials): HostClient {
  const { hostId, port } = destination;
  const client = new HostClient(`https://127.0.0.1:${port}`, { hostId, identity: pki.identity(shown) });
  t.teardown(async () => client.close());
  return client;
}

/** Puts `text` into a stream by the transport of a host, and answers with all that comes back. */
async function through(
  t: ExecutionContext,
  { destination }: Place,
  [hostId, { certificate, privateKey }]: readonly [string, Credentials],
  [id, stream]: readonly [string, 'libvirt' | 'memory' | 'disks'],
): Promise<{ text: string; fault: string | null }> {
  const directory = await mkdtemp('/tmp/isthmus-outgoing-');
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const grant = { certificate, authorities: [pki.authority.certificate], revoked: [] };
  const transport = new HostTransport(silentLog, () => ({ hostId, installation, privateKey, grant, pendingKey: null }));
  const socketOf = (name: string) => `${directory}/${name}.sock`;
  const sockets = { libvirt: socketOf('libvirt'), memory: socketOf('memory'), disks: socketOf('disks') };
  const streams = await transport.open(destination, id, sockets);
  const text = await new Promise<string>((resolve) => {
    let heard = '';
    const socket = netConnect(sockets[stream]);
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
    socket.end('hello');
  });
  await streams.close();
  return { text, fault: streams.fault()?.message ?? null };
}

/** What the place answers to a request of somebody's; '' where it ends the connection without a word. */
function answer({ destination }: Place, { certificate, privateKey }: Credentials, lines: string[]): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const ca = pki.authority.certificate;
    const { port } = destination;
    const options = { key: privateKey, cert: certificate, ca, checkServerIdentity: () => undefined };
    const socket = connect({ host: '127.0.0.1', port, ...options });
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
    socket.write(`${lines.join('\r\n')}\r\nhost: a\r\nconnection: close\r\n\r\n`);
  });
}

test('the streams of an announced instance lead to its sockets, until it is here', async (t) => {
  const there = await place(t);
  const source = randomUUID();
  const own = await pki.issue('host', source);
  const orchestrator = clientOf(t, there, await pki.issue('orchestrator', 'one'));
  const id = randomUUID();
  const refused = async (why: string) => {
    const { text, fault } = await through(t, there, [source, own], [id, 'libvirt']);
    t.is(text, '', why);
    t.regex(fault ?? '', /does not take its stream libvirt/, why);
  };
  await refused('without an announcement');
  await orchestrator.announceInstance(id, { from: source, spec });
  for (const stream of ['libvirt', 'memory', 'disks'] as const) {
    t.deepEqual(await through(t, there, [source, own], [id, stream]), { text: `${stream}:hello`, fault: null });
  }
  // The last stream ends where the domain runs: it has arrived.
  there.presence = 'running';
  t.is((await through(t, there, [source, own], [id, 'memory'])).text, 'memory:hello');
  await waitFor('the instance is adopted', async () => there.calls.length > 1, 5000);
  t.true((await orchestrator.instances()).some((report) => report.id === id));
  t.deepEqual(there.calls, [`receive ${id}`, `ensure ${id}`]);
  await refused('after the end');
  await t.throwsAsync(orchestrator.announceInstance(id, { from: source, spec }), { message: /does not have/ });
});

test('an order for the instance ends its announcement and what flows', async (t) => {
  const there = await place(t);
  const source = randomUUID();
  const own = await pki.issue('host', source);
  const orchestrator = clientOf(t, there, await pki.issue('orchestrator', 'one'));
  const id = randomUUID();
  await orchestrator.announceInstance(id, { from: source, spec });
  const head = `GET /v1/incoming/${id}/streams/libvirt HTTP/1.1\r\nupgrade: isthmus-tunnel\r\nconnection: Upgrade`;
  const { certificate, privateKey } = own;
  const { port } = there.destination;
  const options = { key: privateKey, cert: certificate, ca: pki.authority.certificate };
  const socket = connect({ host: '127.0.0.1', port, ...options, checkServerIdentity: () => undefined });
  socket.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  await new Promise<void>((resolve) => {
    socket.on('data', (data) => String(data).includes('libvirt:') && resolve());
    socket.write(`${head}\r\nhost: a\r\n\r\n`);
  });
  await orchestrator.deleteInstance(id);
  await closed;
  t.deepEqual(there.calls, [`receive ${id}`, `remove ${id}`]);
  t.is((await through(t, there, [source, own], [id, 'libvirt'])).text, '');
});

test('what ends early leaves nothing, and what runs here is neither ended nor removed', async (t) => {
  const there = await place(t);
  const source = randomUUID();
  const orchestrator = clientOf(t, there, await pki.issue('orchestrator', 'one'));
  const [id, second] = [randomUUID(), randomUUID()];
  await orchestrator.announceInstance(id, { from: source, spec });
  await orchestrator.concludeMigration(id);
  t.deepEqual(there.calls, [`receive ${id}`, `remove ${id}`]);
  t.deepEqual(await orchestrator.instances(), []);
  await orchestrator.announceInstance(second, { from: source, spec });
  there.presence = 'running';
  const again = orchestrator.announceInstance(second, { from: source, spec });
  await t.throwsAsync(again, { message: /does not run here already/ });
  await orchestrator.concludeMigration(second);
  t.deepEqual(there.calls.slice(2), [`receive ${second}`, `ensure ${second}`]);
  t.deepEqual(
    (await orchestrator.instances()).map((report) => report.id),
    [second],
  );
});

test('nobody else opens them, and its host opens nothing else', async (t) => {
  const there = await place(t);
  const [source, other] = [randomUUID(), randomUUID()];
  const own = await pki.issue('host', source);
  const [foreign, appliance] = [await pki.issue('host', other), await pki.issue('appliance', source)];
  const orchestratorOwn = await pki.issue('orchestrator', 'one');
  const orchestrator = clientOf(t, there, orchestratorOwn);
  const [id, second] = [randomUUID(), randomUUID()];
  const incoming: Incoming = { from: source, spec };
  await orchestrator.announceInstance(id, incoming);
  await orchestrator.announceInstance(second, { ...incoming, from: other });
  const upgrade = ['upgrade: isthmus-tunnel', 'connection: Upgrade'];
  const streamOf = (of: string) => [`GET /v1/incoming/${of}/streams/libvirt HTTP/1.1`, ...upgrade];
  t.regex(await answer(there, own, streamOf(second)), /404 Refused/, "another host's instance");
  t.regex(await answer(there, own, streamOf(randomUUID())), /404 Refused/, 'an instance that nobody announced');
  t.is((await through(t, there, [other, foreign], [id, 'libvirt'])).text, '', 'another host');
  t.is(await answer(there, appliance, streamOf(id)), '', 'an appliance of that id');
  t.is(await answer(there, orchestratorOwn, streamOf(id)), '', 'an orchestrator');
  for (const first of [
    'GET /v1/host HTTP/1.1',
    'GET /v1/instances HTTP/1.1',
    `DELETE /v1/instances/${id} HTTP/1.1`,
    `PUT /v1/incoming/${id} HTTP/1.1`,
    'DELETE /v1/everything HTTP/1.1',
    'POST /v1/exit HTTP/1.1',
  ]) {
    t.is(await answer(there, own, [first]), '', first);
  }
  t.is(await answer(there, own, [`GET /v1/appliances/${id}/agent HTTP/1.1`, ...upgrade]), '', 'the tunnel');
  t.regex(await answer(there, own, [`GET /v1/incoming/${id}/streams/passwd HTTP/1.1`, ...upgrade]), /400 Refused/);
  t.deepEqual(there.calls, [`receive ${id}`, `receive ${second}`]);
});

test('a revoked host is not heard, and a host takes no other for its destination', async (t) => {
  const there = await place(t);
  const source = randomUUID();
  const own = await pki.issue('host', source);
  const orchestrator = clientOf(t, there, await pki.issue('orchestrator', 'one'));
  const id = randomUUID();
  await orchestrator.announceInstance(id, { from: source, spec });
  const elsewhere = { ...there, destination: { ...there.destination, hostId: randomUUID() } };
  const wrong = await through(t, elsewhere, [source, own], [id, 'libvirt']);
  t.is(wrong.text, '');
  t.regex(wrong.fault ?? '', /it is host .*, expected/);
  t.is((await through(t, there, [source, own], [id, 'libvirt'])).text, 'libvirt:hello');
  await orchestrator.putRevocations({ revoked: [own.serialNumber] });
  t.is((await through(t, there, [source, own], [id, 'libvirt'])).text, '');
});

test('a host without the image takes no announcement', async (t) => {
  const there = await place(t);
  const orchestrator = clientOf(t, there, await pki.issue('orchestrator', 'one'));
  const { machine: made, ...rest } = spec;
  const image = { sha256: 'b'.repeat(64), format: 'qcow2' } as const;
  const lacking: Incoming = { from: randomUUID(), spec: { ...rest, ...(made && { machine: { ...made, image } }) } };
  await t.throwsAsync(orchestrator.announceInstance(randomUUID(), lacking), {
    message: /expected it in this host's cache/,
  });
  t.deepEqual(there.calls, []);
});
