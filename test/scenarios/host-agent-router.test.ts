// Routers of the host agent, with their real services: what a tenant sees while the host agent dies, the machine reboots,
// the router is stopped, replaced and removed.
import type { ApplianceSpec, InstanceSpec } from '@isthmus/contract';
import { parseHostname, parseInterfaceName, parseIpv4Address } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import { answererOf, dig, internet, type Lab, labFor, pings, seenAs, waitFor } from '../lab/index.ts';
import {
  DocumentWriter,
  guestAddress,
  guestHost,
  openIngress,
  portForward,
  publicAddress,
  settings,
} from './agent-pipeline-fixture.ts';

const routerId = '0a1b2c3d-1111-4222-8333-444455556666';
const guestId = '1a1b2c3d-1111-4222-8333-444455556666';
const url = `http://${publicAddress}:8080/`;

const firstDocument = {
  'nat.portForwards': { web: portForward(8080, 80), echo: portForward(7007, 7) },
  'dhcp.hosts': { guest: guestHost },
  'dns.records': { guest: { hostname: guestHost.hostname, address: guestAddress } },
  'firewall.ingress': { open: openIngress },
};

function routerSpec(lab: Lab): ApplianceSpec {
  const nics = settings.routing.interfaces.map(({ name, role, macAddress }) => ({
    name,
    macAddress,
    segment: role === 'guest' ? lab.guestSegment(7) : lab.publicSegment,
    addresses: null,
  }));
  return { kind: 'router', nics };
}

function guestSpec(lab: Lab): InstanceSpec {
  const { macAddress, hostname, address } = guestHost;
  const nic = { name: parseInterfaceName('eth0'), macAddress, segment: lab.guestSegment(7), addresses: [address] };
  return { hostname, nics: [nic] };
}

/** A lab with a router that serves `firstDocument` and an instance behind it that has its lease. */
async function serving(t: ExecutionContext) {
  const lab = await labFor(t);
  const writer = new DocumentWriter();
  await lab.agent.putAppliance(routerId, routerSpec(lab));
  const push = writer.full(firstDocument);
  t.deepEqual(await lab.agent.push(routerId, push), { identity: push.target });
  await lab.agent.putInstance(guestId, guestSpec(lab));
  await leased(lab);
  return { lab, writer };
}

async function leased(lab: Lab): Promise<void> {
  await waitFor('the lease', async () => (await lab.agent.instance(guestId)).address === guestAddress);
}

/**
 * Ids of the router's daemons; other processes in its namespace are the agent's short-lived commands. Those of shares
 * without hosts start one by one when there is nothing else to do.
 */
async function daemons(lab: Lab): Promise<Set<number>> {
  const pids = await lab.routerProcesses(routerId);
  const running = await Promise.all(pids.map((pid) => lab.machine.commands.isRunning(pid, 'dnsmasq')));
  return new Set(pids.filter((_, index) => running[index]));
}

test.serial('an instance behind a router is reached from the internet and reaches it', async (t) => {
  const { lab, writer } = await serving(t);
  t.is(await answererOf(lab.internet, url), 'guest');
  t.is(await seenAs(lab.internet, url, { from: internet.clients[0] }), internet.clients[0]);
  t.is(await seenAs(lab.instance(guestId), `http://${internet.server}/`), publicAddress);
  t.deepEqual(await dig(lab.instance(guestId), '10.1.1.1', 'www.example.org'), [internet.server]);
  const report = await lab.agent.appliance(routerId);
  t.is(report.state, 'Running');
  t.deepEqual(report.agent?.serving, writer.identity);
  t.true((await lab.agent.status(routerId)).services.every(({ healthy }) => healthy));
  const before = await daemons(lab);
  await lab.agent.putAppliance(routerId, routerSpec(lab));
  t.true(before.isSubsetOf(await daemons(lab)));
  const stale = await lab.agent.raw('POST', `/v1/appliances/${routerId}/push`, { ...writer.full(), fencingToken: 0 });
  t.like(stale, { status: 409, body: { code: 'stale-fencing-token' } });
});

test.serial('a connection through the router lives through kill -9 and the next start of the host agent', async (t) => {
  const { lab, writer } = await serving(t);
  await lab.startEcho(lab.instance(guestId), guestAddress, { http: 8081, echo: 7 });
  const stream = await lab.startStream(lab.internet, publicAddress, 7007);
  const before = await daemons(lab);
  await lab.killHostAgent('SIGKILL');
  t.is(await answererOf(lab.internet, url), 'guest');
  t.deepEqual(await dig(lab.instance(guestId), '10.1.1.1', 'guest.cs1.internal'), [guestAddress]);
  await lab.startHostAgent();
  await waitFor('the router serves', async () => (await lab.agent.status(routerId)).serving !== null);
  t.deepEqual((await lab.agent.status(routerId)).serving, writer.identity);
  t.true(before.isSubsetOf(await daemons(lab)));
  const push = writer.add({ 'nat.portForwards': { more: portForward(8090, 80) } });
  t.deepEqual(await lab.agent.push(routerId, push), { identity: push.target });
  t.is(await answererOf(lab.internet, `http://${publicAddress}:8090/`), 'guest');
  await lab.killHostAgent('SIGTERM');
  t.is(await answererOf(lab.internet, url), 'guest');
  await lab.startHostAgent();
  const { error, longestGapMs } = await stream.stop();
  t.is(error, null);
  t.true(longestGapMs < 1000, `${longestGapMs} ms without an echo`);
});

test.serial('after a reboot of the machine a router returns to work from disk, without an orchestrator', async (t) => {
  const { lab, writer } = await serving(t);
  await lab.killHostAgent('SIGKILL');
  for (const pid of [...(await lab.routerProcesses(routerId)), ...(await lab.instanceProcesses(guestId))]) {
    lab.machine.commands.signal(pid, 'SIGKILL');
  }
  const names = (await lab.machine.files.list('/run/netns')).filter((name) =>
    name.startsWith(`ith-${lab.installation}-`),
  );
  for (const name of names) await lab.machine.commands.run('ip', ['netns', 'delete', name]);
  await lab.machine.files.remove(`${lab.run}/appliances`);
  await lab.machine.files.remove(`${lab.run}/instances`);
  await lab.startHostAgent();
  await waitFor('the forward answers', async () => (await answererOf(lab.internet, url)) === 'guest', 15_000);
  t.deepEqual((await lab.agent.status(routerId)).serving, writer.identity);
  await leased(lab);
});

test.serial('a router that is stopped carries nothing, and started again carries what it did', async (t) => {
  const { lab, writer } = await serving(t);
  t.is((await lab.agent.applianceStep(routerId, 'stop')).state, 'Stopped');
  t.is(await answererOf(lab.internet, url), null);
  t.deepEqual(await lab.routerProcesses(routerId), []);
  t.like(await lab.agent.raw('GET', `/v1/appliances/${routerId}/status`), { status: 423, body: { code: 'conflict' } });
  const started = await lab.agent.applianceStep(routerId, 'start');
  t.deepEqual(started.agent?.serving, writer.identity);
  t.is(await answererOf(lab.internet, url), 'guest');
  t.is((await lab.agent.applianceStep(routerId, 'reboot')).state, 'Running');
  t.is(await answererOf(lab.internet, url), 'guest');
  t.is((await lab.agent.instanceStep(guestId, 'stop')).state, 'Stopped');
  t.is(await answererOf(lab.internet, url, { timeoutMs: 500 }), null);
  await lab.agent.instanceStep(guestId, 'start');
  await leased(lab);
  t.is(await answererOf(lab.internet, url), 'guest');
});

test.serial("a router's replacement takes over its leases", async (t) => {
  const { lab, writer } = await serving(t);
  const state = await lab.agent.state(routerId);
  t.true(JSON.stringify(state).includes(guestAddress));
  await lab.agent.deleteAppliance(routerId);
  t.like(await lab.agent.raw('GET', `/v1/appliances/${routerId}`), { status: 404, body: { code: 'not-found' } });
  const next = '2a1b2c3d-1111-4222-8333-444455556666';
  await lab.agent.putAppliance(next, routerSpec(lab));
  await lab.agent.putState(next, state);
  await lab.agent.push(next, writer.full());
  t.is(await answererOf(lab.internet, url), 'guest');
  t.true(JSON.stringify(await lab.agent.state(next)).includes(guestAddress));
  t.like(await lab.agent.raw('PUT', `/v1/appliances/${next}/state`, { dnsmasq: 5 }), { status: 400 });
});

test.serial('a NIC that is added to a running router leaves its connections alone', async (t) => {
  const { lab } = await serving(t);
  await lab.startEcho(lab.instance(guestId), guestAddress, { http: 8081, echo: 7 });
  const stream = await lab.startStream(lab.internet, publicAddress, 7007);
  const spec = routerSpec(lab);
  const [guest] = spec.nics;
  if (guest === undefined) throw new Error('unreachable');
  const third = { ...guest, name: parseInterfaceName('eth3'), segment: lab.guestSegment(8) };
  await lab.agent.putAppliance(routerId, { ...spec, nics: [...spec.nics, third] });
  const links = (await lab.router(routerId).commands.run('ip', ['-brief', 'link', 'show'])).stdout;
  t.true(links.includes('eth3'));
  await lab.agent.putAppliance(routerId, spec);
  t.false((await lab.router(routerId).commands.run('ip', ['-brief', 'link', 'show'])).stdout.includes('eth3'));
  const { error, longestGapMs } = await stream.stop();
  t.is(error, null);
  t.true(longestGapMs < 1000, `${longestGapMs} ms without an echo`);
});

test.serial('a guest of another network gets no lease of this router, and removal takes all there is', async (t) => {
  const { lab } = await serving(t);
  const other = '3a1b2c3d-1111-4222-8333-444455556666';
  await lab.agent.putInstance(other, {
    ...guestSpec(lab),
    hostname: parseHostname('stranger'),
    nics: guestSpec(lab).nics.map((nic) => ({ ...nic, segment: lab.guestSegment(9) })),
  });
  t.is((await lab.agent.instance(other)).address, null);
  t.is(await answererOf(lab.internet, url), 'guest');
  await lab.agent.deleteEverything();
  t.is(await answererOf(lab.internet, url, { timeoutMs: 500 }), null);
  const names = (await lab.machine.files.list('/run/netns')).filter((name) =>
    name.startsWith(`ith-${lab.installation}-`),
  );
  t.deepEqual(names, []);
  t.deepEqual(await lab.machine.files.list(lab.state), []);
  t.deepEqual(await lab.agent.appliances(), []);
});

const ownPublic = {
  kind: 'public',
  id: 'own-public',
  gateway: parseIpv4Address(internet.gateway),
  prefixLength: 24,
} as const;

/** A lab whose public segment is a bridge of the host agent's own, with a router that serves and a guest behind it. */
async function servingOnOwnBridge(t: ExecutionContext) {
  const lab = await labFor(t);
  const spec = routerSpec(lab);
  const nics = spec.nics.map((nic) => (nic.segment.kind === 'public' ? { ...nic, segment: ownPublic } : nic));
  await lab.agent.putAppliance(routerId, { ...spec, nics });
  await lab.agent.push(routerId, new DocumentWriter().full(firstDocument));
  await lab.agent.putInstance(guestId, guestSpec(lab));
  await leased(lab);
  return { lab, nics };
}

/** UDP datagrams that this namespace has taken in as its own. */
async function datagrams(lab: Lab): Promise<number> {
  const { stdout } = await lab.host.commands.run('nstat', ['-asz', 'UdpInDatagrams', 'UdpNoPorts']);
  return [...stdout.matchAll(/^Udp\w+ +(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test.serial('a guest reaches no service of the host, at the gateway or any other address', async (t) => {
  const { lab } = await servingOnOwnBridge(t);
  const { commands } = lab.host;
  const other = '192.0.2.9';
  await commands.run('ip', ['address', 'add', `${other}/32`, 'dev', 'lo']);
  await lab.startEcho(lab.host, '0.0.0.0', { http: 8081, echo: 7 });
  const guest = lab.instance(guestId);
  const services = [`http://${internet.gateway}:8081/`, `http://${other}:8081/`];
  const answers = () => Promise.all(services.map((service) => seenAs(guest, service, { timeoutMs: 1000 })));
  // By its own segment, where the host has no address.
  await guest.commands.run('ip', ['route', 'add', '192.0.2.10/32', 'dev', 'eth0']);
  await commands.run('ip', ['address', 'add', '192.0.2.10/32', 'dev', 'lo']);
  const taken = async () => {
    const before = await datagrams(lab);
    await guest.commands.run('hping3', ['--udp', '-c', '2', '-p', '9', '192.0.2.10'], { okCodes: [0, 1] });
    return (await datagrams(lab)) - before;
  };
  t.deepEqual(await answers(), [null, null]);
  t.is(await taken(), 0);
  t.true(await pings(guest, internet.gateway));
  t.is(await answererOf(lab.host, url), 'guest');
  t.is(await seenAs(lab.host, url), internet.gateway);
  // What it would be without the rules; and that they come back, by the next start and by the watch.
  const chain = `ith-${lab.installation}-input`;
  const removeEntries = async () => {
    for (const kind of ['p', 'n']) {
      await commands.run('iptables', ['-D', 'INPUT', '-i', `${lab.installation}${kind}+`, '-j', chain]);
    }
  };
  await lab.killHostAgent('SIGKILL');
  await removeEntries();
  t.deepEqual(await answers(), [publicAddress, publicAddress]);
  t.true((await taken()) > 0);
  await lab.startHostAgent();
  t.deepEqual(await answers(), [null, null]);
  t.is(await taken(), 0);
  await removeEntries();
  const entries = async () => (await commands.run('iptables', ['-S', 'INPUT'])).stdout.split(chain).length - 1;
  await waitFor('the rules', async () => (await entries()) === 3, 15_000);
  t.deepEqual(await answers(), [null, null]);
  t.is(await answererOf(lab.host, url), 'guest');
  await lab.agent.deleteEverything();
  t.false((await commands.run('iptables-save', [])).stdout.includes(lab.installation));
});

test.serial('without a bridge of an admin the host itself is the gateway of the public segment', async (t) => {
  const { lab, nics } = await servingOnOwnBridge(t);
  t.is(await answererOf(lab.host, url), 'guest');
  t.is(await seenAs(lab.host, url), internet.gateway);
  const missing = { ...ownPublic, id: 'missing', bridge: 'nobridge0' };
  const [guest] = nics;
  const refused = await lab.agent.raw('PUT', '/v1/appliances/other', {
    kind: 'router',
    nics: [{ ...guest, segment: missing }],
  });
  t.like(refused, { status: 500, body: { code: 'failed' } });
  t.regex((refused.body as { message: string }).message, /segment missing: expected the bridge nobridge0/);
  t.like(await lab.agent.appliance('other'), { state: 'Error' });
  await lab.agent.deleteAppliance('other');
  await lab.agent.deleteAppliance(routerId);
  await lab.agent.deleteSegment('own-public');
  t.false((await lab.host.commands.run('ip', ['-brief', 'address', 'show'])).stdout.includes(internet.gateway));
});
