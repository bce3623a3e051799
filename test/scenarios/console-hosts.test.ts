// Consoles over the API of host agents: of machines of the proxy's own host, which carries namespaces and listens on a Unix
// socket alone, and of a host that joined, which it comes to by mutual TLS.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import { type ConsoleGrant, consoleDoorPort, type InstanceSpec } from '@isthmus/contract';
import { createHost, createNamespaceHost, type Host, silentLog } from '@isthmus/host';
import { parseIpv4Address, parseMacAddress } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { serveCertificates } from '../../host-agent/src/api/identity-routes.ts';
import { createServer as createApi } from '../../host-agent/src/api/server.ts';
import type { VirtualMachineDriver } from '../../host-agent/src/drivers/driver.ts';
import { NamespaceDriver } from '../../host-agent/src/drivers/namespace/namespace-driver.ts';
import { processesOf, wordsOf } from '../../host-agent/src/drivers/namespace/processes.ts';
import { HostAgent } from '../../host-agent/src/host-agent.ts';
import { HostCertificates } from '../../host-agent/src/identity/host-certificates.ts';
import { HostIdentityStore } from '../../host-agent/src/identity/host-identity.ts';
import { HostTransport } from '../../host-agent/src/identity/host-transport.ts';
import { Listener } from '../../host-agent/src/identity/listener.ts';
import { openLoneMembership } from '../../host-agent/src/identity/membership.ts';
import { namespaceName } from '../../host-agent/src/wiring/names.ts';
import { SegmentBridges } from '../../host-agent/src/wiring/segment-bridges.ts';
import { HostClient } from '../../orchestrator/drivers/host-client.ts';
import { waitFor } from '../lab/clients.ts';
import { ControlPki, type Credentials } from '../lab/control-pki.ts';

const sha256 = 'a'.repeat(64);
const machine = createHost({ log: silentLog });
const installation = `t${randomBytes(2).toString('hex').slice(0, 3)}`;

// One after the other: a host that removes everything removes what its installation has in whatever place.
let pki: ControlPki;
test.before(async () => {
  pki = await ControlPki.create(installation);
});

function instanceSpec(more: Partial<InstanceSpec> = {}): InstanceSpec {
  return {
    hostname: 'guest' as InstanceSpec['hostname'],
    nics: [
      {
        name: 'eth0' as InstanceSpec['nics'][number]['name'],
        macAddress: parseMacAddress('02:00:00:00:00:05'),
        segment: { kind: 'guest', id: 'segment', vni: 5 },
        addresses: [parseIpv4Address('10.1.0.5')],
      },
    ],
    ...more,
  };
}

/** A host that joined: its VMs are one server, which says its name and then all that it hears. */
async function joined(t: ExecutionContext) {
  const directory = await mkdtemp('/tmp/isthmus-console-');
  const hostId = randomUUID();
  const vnc = `${directory}/vnc.sock`;
  let open = 0;
  const echo = createServer((socket) => {
    open += 1;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      open -= 1;
    });
    socket.write('screen:');
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => echo.listen(vnc, resolve));
  const nothing = async () => undefined;
  const driver: VirtualMachineDriver = {
    ...{ name: 'libvirt', accelerator: 'tcg', open: nothing, healPacketFilters: nothing, removeEverything: nothing },
    ...{ ensureInstance: nothing, changeInstance: nothing, haltInstance: nothing, removeInstance: nothing },
    ...{ leasedAddress: async () => null, broken: async () => [], serialTail: async () => '' },
    ...{ ensureAppliance: nothing, changeAppliance: nothing, haltAppliance: nothing, removeAppliance: nothing },
    ...{ ejectConfigDrive: nothing, migrateInstance: nothing, instancePresence: async () => 'absent' as const },
    receiveInstance: () => Promise.reject(new Error('expected no migration')),
    consoles: () => ({ vnc, serial: vnc, serialLog: `${directory}/serial.log` }),
    vncPassword: async () => 'secret12',
  };
  await mkdir(`${directory}/images`);
  await writeFile(`${directory}/images/${sha256}`, '');
  const own = await pki.issue('host', hostId);
  const grant = { certificate: own.certificate, authorities: [pki.authority.certificate], revoked: [] };
  const identity = { hostId, installation, privateKey: own.privateKey, grant, pendingKey: null };
  const agent = new HostAgent({
    ...{ host: machine, installation, state: directory, run: `${directory}/run`, version: '0', driver, tunnels: null },
    ...{ bridges: new SegmentBridges(machine.commands, installation), createServices: () => [] },
    peers: new HostTransport(silentLog, () => identity),
  });
  const app = createApi(agent, () => undefined);
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const listener = new Listener({
    ...{ address: '127.0.0.1', port, app, agent, log: silentLog, membership: { identity } },
    store: new HostIdentityStore(machine.files, directory),
  });
  await app.ready();
  await listener.listen();
  const shown = { hostId, identity: pki.identity(await pki.issue('orchestrator', 'one')) };
  const client = new HostClient(`https://127.0.0.1:${port}`, shown);
  t.teardown(async () => {
    client.close();
    await listener.close();
    await agent.consoles.release();
    await app.close();
    echo.close();
    await rm(directory, { recursive: true, force: true });
  });
  const instance = randomUUID();
  const more = { machine: { image: { sha256, format: 'qcow2' as const }, cpus: 1, memoryBytes: 64 * 1024 * 1024 } };
  await client.putInstance(instance, instanceSpec(more));
  return { client, instance, via: { hostId, address: '127.0.0.1', port }, open: () => open };
}

/** A host with the namespace driver, a network namespace itself, on a Unix socket; and a proxy on its control network. */
async function alone(t: ExecutionContext) {
  const directory = await mkdtemp('/tmp/isthmus-console-');
  await machine.commands.run('chmod', ['0755', directory]);
  const name = `c${randomBytes(4).toString('hex')}`;
  for (const each of [name, `${name}-p`]) await machine.commands.run('ip', ['netns', 'add', each]);
  const host = createNamespaceHost(machine, name);
  const [state, run] = [`${directory}/state`, `${directory}/run`];
  const bridges = new SegmentBridges(host.commands, installation);
  const context = { host, installation, state, run, bridges };
  const { store, membership } = await openLoneMembership(machine.files, { installation, state });
  const certificates = new HostCertificates(store, membership, () => undefined);
  const start = async () => {
    const driver = new NamespaceDriver(context);
    const begun = new HostAgent({
      ...{ ...context, version: '0', driver, tunnels: null, createServices: () => [], healIntervalMs: 200 },
      peers: new HostTransport(silentLog, () => certificates.identity, false),
    });
    await begun.open();
    return begun;
  };
  const agent = await start();
  const app = createApi(agent, () => undefined);
  serveCertificates(app, certificates);
  await app.listen({ path: `${directory}/socket` });
  const client = new HostClient(`unix:${directory}/socket`);
  t.teardown(async () => {
    await agent.removeEverything();
    await agent.release();
    client.close();
    await app.close();
    for (const each of [name, `${name}-p`]) await machine.commands.run('ip', ['netns', 'delete', each]);
    await rm(directory, { recursive: true, force: true });
  });
  const proxyId = randomUUID();
  const { address, macAddress, prefixLength, gateway } = await agent.control.allocate(proxyId);
  for (const line of [
    `link add name proxy type veth peer name eth1 address ${macAddress} netns ${name}-p`,
    `link set dev proxy master ${agent.control.bridge} up`,
  ]) {
    await host.commands.run('ip', line.split(' '));
  }
  for (const line of [`address add ${address}/${prefixLength} dev eth1`, 'link set dev eth1 up']) {
    await machine.commands.run('ip', ['-netns', `${name}-p`, ...line.split(' ')]);
  }
  return { client, agent, start, state, proxyId, gateway, proxy: createNamespaceHost(machine, `${name}-p`) };
}

type Alone = Awaited<ReturnType<typeof alone>>;

function newSecret(): { secret: string; secretSha256: string } {
  const secret = randomBytes(32).toString('base64url');
  return { secret, secretSha256: createHash('sha256').update(secret).digest('hex') };
}

function head(session: string, secret: string): string {
  const lines = ['Host: door', 'Connection: Upgrade', 'Upgrade: isthmus-tunnel', `Authorization: Bearer ${secret}`];
  return `GET /v1/consoles/${session}/stream HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** What comes back by the door to what the proxy says; it is waited for `seconds` for more. */
async function say(proxy: Host, gateway: string, input: string, seconds: number): Promise<string> {
  const args = ['-w', String(seconds), gateway, String(consoleDoorPort)];
  return (await proxy.commands.run('nc', args, { input, okCodes: [0, 1], timeoutMs: 90_000 })).stdout;
}

/** The certificate of a host that never joined, as an orchestrator gives it. */
async function certify({ client }: Pick<Alone, 'client'>, hostId: string): Promise<void> {
  const { publicKey } = await client.certificateRequest();
  await client.putCertificate(await pki.grant('host', hostId, publicKey));
}

test.serial('a host leads to consoles of its own, and says which there are', async (t) => {
  const { client, proxyId, proxy, gateway } = await alone(t);
  const instance = randomUUID();
  await client.putInstance(instance, instanceSpec());
  const session = randomUUID();
  const { secret, secretSha256 } = newSecret();
  const grant = (from: ConsoleGrant['from'], to: ConsoleGrant['to'] = { appliance: proxyId }) =>
    client.grantConsole(session, { secretSha256, to, from, seconds: 60 });
  const serial = { machine: 'instance', id: instance, console: 'serial' } as const;
  t.deepEqual(await grant(serial), { security: { types: ['None'] } });
  const line = `${head(session, secret)}echo $((6 * 7)) from $(hostname)\nexit\n`;
  t.regex(await say(proxy, gateway, line, 60), /^HTTP\/1\.1 101 .*42 from guest/s);
  await t.throwsAsync(grant({ ...serial, console: 'vnc' }), {
    message: new RegExp(`console vnc of instance ${instance}: .* has console serial alone`),
  });
  const unknown = randomUUID();
  await t.throwsAsync(grant({ ...serial, id: unknown }), { message: new RegExp(`instance ${unknown}: expected one`) });
  await t.throwsAsync(grant({ ...serial, machine: 'appliance', id: unknown }), {
    message: new RegExp(`appliance ${unknown}: expected one`),
  });
  const router = randomUUID();
  await client.putAppliance(router, { kind: 'router', nics: instanceSpec().nics });
  await t.throwsAsync(grant({ ...serial, machine: 'appliance', id: router }), {
    message: new RegExp(`console serial of appliance ${router}: .* has no console`),
  });
  const via = { hostId: randomUUID(), address: '127.0.0.1', port: 1 };
  await t.throwsAsync(grant({ via }), { message: /expected this host to have a certificate of its own/ });
  await t.throwsAsync(grant(serial, { host: via.hostId }), { message: /Unix socket alone: expected --listen/ });
  await client.deleteInstance(instance);
  await t.throwsAsync(grant(serial), { message: new RegExp(`instance ${instance}: expected one`) });
  await client.revokeConsole(session);
});

test.serial('a host that never joined gets a certificate, and leads to one that did', async (t) => {
  const [near, far] = [await alone(t), await joined(t)];
  const hostId = randomUUID();
  await certify(near, hostId);
  const kept = await openLoneMembership(machine.files, { installation, state: near.state });
  t.is('identity' in kept.membership ? kept.membership.identity.hostId : null, hostId);
  await certify(near, hostId);
  const session = randomUUID();
  const from = { machine: 'instance', id: far.instance, console: 'vnc' } as const;
  const grantBoth = async (secretSha256: string, to = hostId) => {
    const seconds = 60;
    const told = await far.client.grantConsole(session, { secretSha256, to: { host: to }, from, seconds });
    t.deepEqual(told, { security: { types: ['VncAuth'], password: 'secret12' } });
    const way = { secretSha256, to: { appliance: near.proxyId }, from: { via: far.via }, seconds };
    t.deepEqual(await near.client.grantConsole(session, way), { security: null });
  };
  const asked = (secret: string, seconds: number) =>
    say(near.proxy, near.gateway, `${head(session, secret)}hello`, seconds);
  const one = newSecret();
  await grantBoth(one.secretSha256);
  t.regex(await asked(one.secret, 3), /^HTTP\/1\.1 101 .*\r\n\r\nscreen:hello$/s);
  t.regex(await asked(one.secret, 30), /^HTTP\/1\.1 404 /);
  await waitFor('the end of the stream', async () => far.open() === 0, 20_000);
  // Whoever revokes it: the stream ends at both hosts.
  for (const { client } of [near, far]) {
    await grantBoth(one.secretSha256);
    const open = asked(one.secret, 60);
    await waitFor('the stream', async () => far.open() === 1, 20_000);
    await client.revokeConsole(session);
    t.regex(await open, /^HTTP\/1\.1 101 /);
    await waitFor('the end of the stream', async () => far.open() === 0, 20_000);
  }
  // The other host admits the one that its grant names, and says no more than that.
  await grantBoth(one.secretSha256, randomUUID());
  t.regex(await asked(one.secret, 30), /^HTTP\/1\.1 500 .*does not lead to it/s);
  t.is(far.open(), 0);
});

/** What a host answers to the upgrade of somebody with these credentials; '' where it ends the connection. */
function upgrade(port: number, { certificate, privateKey }: Credentials, request: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const options = { key: privateKey, cert: certificate, ca: pki.authority.certificate };
    const socket = connect({ host: '127.0.0.1', port, ...options, checkServerIdentity: () => undefined });
    socket.setEncoding('utf8').on('data', (part: string) => {
      heard += part;
      if (heard.includes('screen:')) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(heard));
    socket.write(request);
  });
}

test.serial('of other hosts the one that was named comes in, once, with the secret, and to nothing else', async (t) => {
  const far = await joined(t);
  const { port } = far.via;
  const [hostId, otherId] = [randomUUID(), randomUUID()];
  const [own, other] = [await pki.issue('host', hostId), await pki.issue('host', otherId)];
  const from = { machine: 'instance', id: far.instance, console: 'vnc' } as const;
  const [session, second] = [randomUUID(), randomUUID()];
  const { secret, secretSha256 } = newSecret();
  t.is(await upgrade(port, own, head(session, secret)), '', 'without a grant');
  await far.client.grantConsole(session, { secretSha256, to: { host: hostId }, from, seconds: 60 });
  t.is(await upgrade(port, other, head(session, secret)), '', 'another host');
  await far.client.grantConsole(second, {
    secretSha256: newSecret().secretSha256,
    ...{ to: { host: otherId }, from, seconds: 60 },
  });
  t.regex(await upgrade(port, other, head(session, secret)), /^HTTP\/1\.1 404 /, 'another host that waits for its own');
  t.is(await upgrade(port, await pki.issue('appliance', hostId), head(session, secret)), '', 'an appliance of that id');
  t.is(await upgrade(port, await pki.issue('orchestrator', 'one'), head(session, secret)), '', 'an orchestrator');
  t.regex(await upgrade(port, own, head(session, newSecret().secret)), /^HTTP\/1\.1 404 /, 'another secret');
  t.is(await upgrade(port, own, 'GET /v1/host HTTP/1.1\r\nHost: a\r\n\r\n'), '', 'the API');
  const tunnel = `GET /v1/appliances/${far.instance}/agent HTTP/1.1`;
  t.is(await upgrade(port, own, head(session, secret).replace(/^[^\r]*/, tunnel)), '', 'a tunnel');
  t.regex(await upgrade(port, own, head(session, secret)), /^HTTP\/1\.1 101 .*screen:/s);
  t.is(await upgrade(port, own, head(session, secret)), '', 'again');
});

test.serial('the door is shut with the host agent, with what was open, and open with the next one', async (t) => {
  const { client, agent, start, proxyId, proxy, gateway } = await alone(t);
  const instance = randomUUID();
  await client.putInstance(instance, instanceSpec());
  const session = randomUUID();
  const { secret, secretSha256 } = newSecret();
  const from = { machine: 'instance', id: instance, console: 'serial' } as const;
  const grant: ConsoleGrant = { secretSha256, to: { appliance: proxyId }, from, seconds: 60 };
  await client.grantConsole(session, grant);
  const open = say(proxy, gateway, `${head(session, secret)}echo $((6 * 7))\n`, 60);
  const namespace = namespaceName(installation, 'i', instance);
  // Not one of the scripts that udhcpc calls.
  const isShell = (pid: number) => wordsOf(pid).slice(0, 2).join(' ') === '/bin/sh -i';
  const shell = async () => (processesOf([namespace]).get(namespace) ?? []).some(isShell);
  await waitFor('the shell', shell, 45_000);
  await agent.release();
  await open;
  await waitFor('its end', async () => !(await shell()), 30_000);
  t.is(await say(proxy, gateway, head(session, secret), 1), '');
  const next = await start();
  t.teardown(() => next.release());
  // Before anybody grants anything.
  await waitFor(
    'the door',
    async () => (await say(proxy, gateway, head(session, secret), 2)).includes(' 404 '),
    30_000,
  );
  await next.consoles.grant(session, grant);
  t.regex(await say(proxy, gateway, `${head(session, secret)}echo $((6 * 7))\nexit\n`, 60), /101 .*42/s);
});
