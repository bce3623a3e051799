// The apply pipeline with real services and real packets.
import { createAgent, RefusedError } from '@isthmus/agent';
import type { Files } from '@isthmus/host';
import { createRouterServices, type RouterService } from '@isthmus/router';
import test, { type ExecutionContext } from 'ava';
import { dig, httpGet, internet, type Lab, labFor, seenAs, waitFor } from '../lab/index.ts';
import {
  DocumentWriter,
  dhcpHost,
  type Fault,
  failingSteps,
  failToOrder,
  furtherAddress,
  guestAddress,
  guestHost,
  lease,
  type Order,
  openIngress,
  portForward,
  publicAddress,
  settings,
  type Wires,
  wire,
} from './agent-pipeline-fixture.ts';

const firstDocument = {
  'nat.portForwards': { one: portForward(8080, 80), echo: portForward(7007, 7) },
  'dhcp.hosts': { guest: guestHost },
  'dns.records': { guest: { hostname: guestHost.hostname, address: guestAddress } },
  'firewall.ingress': { open: openIngress },
};

function servicesOf(lab: Lab, { router, paths }: Wires): RouterService[] {
  return createRouterServices({ host: router, paths, namePrefix: lab.installation });
}

async function agentOf(lab: Lab, wires: Wires, services = servicesOf(lab, wires), files?: Files) {
  const host = files === undefined ? wires.router : { ...wires.router, files };
  return createAgent({ host, paths: wires.paths, services });
}

/** A lab with a router that serves `firstDocument` and a guest that has its lease and echoes. */
async function serving(
  t: ExecutionContext,
  services?: (lab: Lab, wires: Wires) => readonly RouterService[],
  files?: Files,
) {
  const lab = await labFor(t, { hostAgent: false, logLevel: 'silent' });
  const wires = await wire(lab);
  const agent = await agentOf(lab, wires, [...(services ?? servicesOf)(lab, wires)], files);
  t.teardown(() => agent.release());
  await agent.boot();
  const writer = new DocumentWriter();
  await agent.push(writer.full(firstDocument));
  await lease(lab, wires.guest);
  await lab.startEcho(wires.guest, guestAddress);
  return { lab, wires, agent, writer };
}

/**
 * Process ids of the router's dnsmasq: other processes in its namespace are short-lived. Those of shares without hosts start
 * one by one when there is nothing else to do.
 */
async function dnsmasqOf(lab: Lab): Promise<Set<number>> {
  const { stdout } = await lab.machine.commands.run('ip', ['netns', 'pids', `lab-${lab.installation}-router`]);
  const pids = stdout.split('\n').filter((line) => line !== '');
  const running = await Promise.all(pids.map((pid) => lab.machine.commands.isRunning(Number(pid), 'dnsmasq')));
  return new Set(pids.map(Number).filter((_, index) => running[index]));
}

const forwarded = (lab: Lab, port: number) =>
  httpGet(lab.internet, `http://${publicAddress}:${port}/`, { timeoutMs: 1000 });

test('a full push makes lease, names, source NAT and forward; one more forward comes by a change', async (t) => {
  const { lab, wires, agent, writer } = await serving(t);
  t.regex(await lease(lab, wires.guest), /10\.1\.1\.10/);
  t.deepEqual(await dig(wires.guest, '10.1.1.1', 'guest.cs1.internal'), [guestAddress]);
  t.deepEqual(await dig(wires.guest, '10.1.1.1', 'www.example.org'), [internet.server]);
  t.is(await seenAs(wires.guest, `http://${internet.server}/`), publicAddress);
  t.truthy(await forwarded(lab, 8080));
  t.is(await forwarded(lab, 8081), null);
  const push = writer.add({ 'nat.portForwards': { two: portForward(8081, 80) } });
  t.deepEqual(await agent.push(push), { identity: push.target });
  t.truthy(await forwarded(lab, 8081));
  t.truthy(await forwarded(lab, 8080));
  await agent.push(writer.remove('nat.portForwards', 'two'));
  t.is(await forwarded(lab, 8081), null);
  const status = await agent.status();
  t.deepEqual(status.serving, writer.identity);
  t.deepEqual(
    status.services.filter(({ healthy }) => !healthy),
    [],
  );
  await agent.shutdown();
  t.is(await forwarded(lab, 8080), null);
});

const faults: Fault[] = ['system', 'netfilter', 'routing', 'dnsmasq'].flatMap((service) =>
  failingSteps.flatMap((step) => (['before', 'after'] as const).map((when) => ({ service, step, when }))),
);

test('whatever step of whatever service fails, the old generation serves on, and no connection breaks', async (t) => {
  const order: Order = { fault: null };
  const { lab, wires, agent, writer } = await serving(t, (lab, wires) => failToOrder(servicesOf(lab, wires), order));
  const good = writer.identity;
  const stream = await lab.startStream(lab.internet, publicAddress, 7007);
  const dnsmasq = await dnsmasqOf(lab);
  const next = writer.add(
    {
      'nat.portForwards': { two: portForward(8081, 80) },
      'dhcp.hosts': { other: dhcpHost(1) },
      'dns.records': { other: { hostname: dhcpHost(1).hostname, address: dhcpHost(1).address } },
      'routing.publicAddresses': { further: furtherAddress(11) },
    },
    { system: { ...settings.system, conntrackMax: 131_072 } },
  );
  for (const fault of faults) {
    const what = `${fault.when} ${fault.step} of ${fault.service}`;
    order.fault = fault;
    const error = await t.throwsAsync(agent.push(next), { instanceOf: RefusedError }, what);
    t.is(error?.refusal.service, fault.service, what);
    t.deepEqual(error?.refusal.serving, good, what);
    t.truthy(await forwarded(lab, 8080), what);
    t.is(await httpGet(lab.internet, `http://${publicAddress}:8081/`, { timeoutMs: 150 }), null, what);
    const addresses = (await wires.router.commands.run('ip', ['-br', '-4', 'address'])).stdout;
    t.false(addresses.includes('203.0.113.11'), what);
    t.deepEqual(await dig(wires.guest, '10.1.1.1', 'host-1.cs1.internal'), [], what);
    const wrong = (await agent.status()).services.filter(({ healthy }) => !healthy);
    t.deepEqual(wrong, [], what);
  }
  order.fault = null;
  t.deepEqual(await agent.push(next), { identity: next.target });
  t.truthy(await forwarded(lab, 8081));
  t.deepEqual(await dig(wires.guest, '10.1.1.1', 'host-1.cs1.internal'), [dhcpHost(1).address]);
  const report = await stream.stop();
  t.is(report.error, null);
  t.true(report.longestGapMs < 1000, `a gap of ${report.longestGapMs} ms`);
  t.true(dnsmasq.isSubsetOf(await dnsmasqOf(lab)));
});

test('a push that cannot be written down leaves the old generation serving', async (t) => {
  const lab = await labFor(t, { hostAgent: false, logLevel: 'silent' });
  const wires = await wire(lab);
  let isFull = false;
  const files: Files = {
    ...wires.router.files,
    appendText: async (path, text) => {
      if (isFull) throw new Error('no space left on device');
      await wires.router.files.appendText(path, text);
    },
  };
  const agent = await agentOf(lab, wires, servicesOf(lab, wires), files);
  t.teardown(() => agent.release());
  const writer = new DocumentWriter();
  await agent.push(writer.full(firstDocument));
  await lease(lab, wires.guest);
  await lab.startEcho(wires.guest, guestAddress);
  const push = writer.add({ 'nat.portForwards': { two: portForward(8081, 80) } });
  isFull = true;
  await t.throwsAsync(agent.push(push), { instanceOf: RefusedError, message: /no space left/ });
  t.truthy(await forwarded(lab, 8080));
  t.is(await forwarded(lab, 8081), null);
  isFull = false;
  await agent.push(push);
  t.truthy(await forwarded(lab, 8081));
});

const deaths = ['system', 'netfilter', 'routing', 'dnsmasq'].flatMap((service) =>
  failingSteps.map((step): Fault => ({ service, step, when: 'forever after' })),
);

test('an agent that dies after any step comes back with the old generation, and no connection breaks', async (t) => {
  const { lab, wires, agent, writer } = await serving(t);
  await agent.release();
  const good = writer.identity;
  const stream = await lab.startStream(lab.internet, publicAddress, 7007);
  const next = writer.add(
    {
      'nat.portForwards': { two: portForward(8081, 80) },
      'dns.records': { other: { hostname: dhcpHost(1).hostname, address: dhcpHost(1).address } },
      'routing.publicAddresses': { further: furtherAddress(11) },
    },
    { system: { ...settings.system, conntrackMax: 131_072 } },
  );
  for (const fault of deaths) {
    const what = `${fault.step} of ${fault.service}`;
    const services = servicesOf(lab, wires);
    const order: Order = { fault: null };
    const { paths, router } = wires;
    const dying = await createAgent({
      host: router,
      paths,
      services: failToOrder(services, order),
      watchIntervalMs: 0,
    });
    await dying.boot();
    t.deepEqual((await dying.status()).serving, good, what);
    t.truthy(await forwarded(lab, 8080), what);
    t.is(await httpGet(lab.internet, `http://${publicAddress}:8081/`, { timeoutMs: 150 }), null, what);
    t.deepEqual(await dig(wires.guest, '10.1.1.1', 'host-1.cs1.internal'), [], what);
    const addresses = (await wires.router.commands.run('ip', ['-br', '-4', 'address'])).stdout;
    t.false(addresses.includes('203.0.113.11'), what);
    order.fault = fault;
    void dying.push(next);
    await waitFor(what, async () => order.isReached === true);
    // By then the new generation serves, unacknowledged: the next agent has something to go back from.
    if (fault.service === 'dnsmasq') t.is((await forwarded(lab, 8081)) !== null, fault.step !== 'stage', what);
    for (const service of services) await service.release();
  }
  const last = await agentOf(lab, wires);
  t.teardown(() => last.release());
  await last.boot();
  t.deepEqual((await last.status()).serving, good);
  t.deepEqual(await last.push(next), { identity: next.target });
  t.truthy(await forwarded(lab, 8081));
  const report = await stream.stop();
  t.is(report.error, null);
  t.true(report.longestGapMs < 1000, `a gap of ${report.longestGapMs} ms`);
});

test('an agent that restarts disturbs nothing, and needs no orchestrator', async (t) => {
  const { lab, wires, agent, writer } = await serving(t);
  const stream = await lab.startStream(lab.internet, publicAddress, 7007);
  const see = async () => {
    const rules = await wires.router.commands.run('iptables-save', []);
    return { dnsmasq: await dnsmasqOf(lab), rules: rules.stdout.replace(/^#.*$|\[\d+:\d+\]/gm, '') };
  };
  const before = await see();
  await agent.release();
  t.truthy(await forwarded(lab, 8080));
  const restarted = await agentOf(lab, wires);
  t.teardown(() => restarted.release());
  await restarted.boot();
  t.deepEqual((await restarted.status()).serving, writer.identity);
  const after = await see();
  t.true(before.dnsmasq.isSubsetOf(after.dnsmasq));
  t.is(after.rules, before.rules);
  const report = await stream.stop();
  t.is(report.error, null);
  t.true(report.longestGapMs < 1000, `a gap of ${report.longestGapMs} ms`);
  await restarted.push(writer.add({ 'nat.portForwards': { two: portForward(8081, 80) } }));
  t.truthy(await forwarded(lab, 8081));
});

test('a dnsmasq that was killed is healed, and answers names and leases again', async (t) => {
  const { lab, wires, agent } = await serving(t);
  for (const pid of await dnsmasqOf(lab)) lab.machine.commands.signal(pid, 'SIGKILL');
  await waitFor('names are answered again', async () => {
    const [answer] = await dig(wires.guest, '10.1.1.1', 'guest.cs1.internal');
    return answer === guestAddress;
  });
  t.regex(await lease(lab, wires.guest), /10\.1\.1\.10/);
  t.deepEqual(
    (await agent.status()).services.filter(({ healthy }) => !healthy),
    [],
  );
});
