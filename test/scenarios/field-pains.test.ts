// What today's appliances are reported for, in the shape that it was reported (apache/cloudstack), on a router by hand.
// What has a scenario of its own elsewhere: docs/explanation/what-hurt-before.md.
import { type Agent, createAgent, RefusedError } from '@isthmus/agent';
import { createRouterServices } from '@isthmus/router';
import test, { type ExecutionContext } from 'ava';
import { dig, httpGet, type Lab, labFor, waitFor } from '../lab/index.ts';
import {
  DocumentWriter,
  dhcpHost,
  guestAddress,
  guestHost,
  openIngress,
  portForward,
  publicAddress,
  settings,
  type Upserts,
} from '../lab/router-document.ts';
import { lease, type Wires, wire } from '../lab/wired-router.ts';

const balancing = {
  ...settings.loadBalancing,
  enabled: true,
  maxConnections: 2000,
  ...(settings.nat.publicInterface === undefined ? {} : { publicInterface: settings.nat.publicInterface }),
};

async function agentOf(lab: Lab, { router, paths }: Wires): Promise<Agent> {
  const services = createRouterServices({ host: router, paths, namePrefix: lab.installation });
  return createAgent({ host: router, paths, services });
}

/** A lab with a router that has no document yet. */
async function begun(t: ExecutionContext) {
  const lab = await labFor(t, { hostAgent: false, logLevel: 'silent' });
  const wires = await wire(lab);
  return { lab, wires };
}

const forwarded = (lab: Lab, port: number) =>
  httpGet(lab.internet, `http://${publicAddress}:${port}/`, { timeoutMs: 1000 });

const numbered = <Entry>(count: number, make: (number: number) => Entry): Record<string, Entry> =>
  Object.fromEntries(Array.from({ length: count }, (_, number) => [`n${number}`, make(number)]));

test('a router with 600 leases, 100 forwards, 100 rules and 10 load balancers comes up from nothing, and again from disk (#2978, #2805, #8201)', async (t) => {
  const { lab, wires } = await begun(t);
  const document: Upserts = {
    'dhcp.hosts': { guest: guestHost, ...numbered(600, dhcpHost) },
    'dns.records': {
      guest: { hostname: guestHost.hostname, address: guestAddress },
      ...numbered(600, (number) => ({ hostname: dhcpHost(number).hostname, address: dhcpHost(number).address })),
    },
    'nat.portForwards': numbered(100, (number) => portForward(8000 + number, 80)),
    'firewall.ingress': numbered(100, (number) => ({
      ...openIngress,
      ports: { first: 8000 + number, last: 8000 + number },
    })),
    'loadBalancing.rules': numbered(10, (number) => ({
      publicAddress,
      publicPort: 9000 + number,
      privatePort: 80,
      protocol: 'tcp' as const,
      isHttp: false,
      algorithm: 'roundrobin' as const,
      sources: [],
      certificates: [],
      clientTimeoutMs: 50_000,
      serverTimeoutMs: 50_000,
      connectTimeoutMs: 5_000,
    })),
    'loadBalancing.members': numbered(10, (number) => ({ rule: `n${number}`, address: guestAddress })),
  };
  const opened = { ...openIngress, ports: { first: 9009, last: 9009 } };
  const writer = new DocumentWriter();
  const first = await agentOf(lab, wires);
  await first.boot();
  await first.push(writer.full(document));
  await first.push(writer.add({ 'firewall.ingress': { balanced: opened } }, { loadBalancing: balancing }));
  t.regex(await lease(lab, wires.guest), /10\.1\.1\.10/);
  await lab.startEcho(wires.guest, guestAddress);
  const served = async () => {
    t.deepEqual(await dig(wires.guest, '10.1.1.1', 'host-599.cs1.internal'), [dhcpHost(599).address]);
    t.truthy(await waitFor('the last forward', () => forwarded(lab, 8099)));
    t.truthy(await waitFor('the last load balancer', () => forwarded(lab, 9009)));
  };
  await served();
  await first.shutdown();
  const second = await agentOf(lab, wires);
  t.teardown(() => second.shutdown());
  await second.boot();
  await served();
});

test('two hundred guests that come and go leave the files of their router as small as they were (#1915)', async (t) => {
  const { lab, wires } = await begun(t);
  const agent = await agentOf(lab, wires);
  t.teardown(() => agent.shutdown());
  await agent.boot();
  const writer = new DocumentWriter();
  await agent.push(writer.full({ 'dhcp.hosts': { guest: guestHost } }));
  const bytes = async () => {
    const { stdout } = await lab.machine.commands.run('du', ['-sb', wires.paths.state, wires.paths.run]);
    return stdout.split('\n').reduce((sum, line) => sum + Number(line.split('\t')[0] ?? 0), 0);
  };
  const before = await bytes();
  for (let number = 0; number < 200; number++) {
    await agent.push(writer.add({ 'dhcp.hosts': { [`n${number}`]: dhcpHost(number) } }));
    await agent.push(writer.remove('dhcp.hosts', `n${number}`));
  }
  // The journal of changes is folded into the snapshot when it has grown to 256 KiB.
  t.true((await bytes()) - before < 512 * 1024, `${before} bytes, then ${await bytes()}`);
  t.regex(await lease(lab, wires.guest), /10\.1\.1\.10/);
});

test('a router whose disk is full serves on, refuses changes with the reason, and takes them once there is room (#7576, #4869, #6718)', async (t) => {
  const { lab, wires } = await begun(t);
  const { state } = wires.paths;
  const { commands, files } = lab.machine;
  await commands.run('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=755', 'tmpfs', state]);
  t.teardown(() => commands.run('umount', ['--lazy', state]));
  const agent = await agentOf(lab, wires);
  t.teardown(() => agent.shutdown());
  await agent.boot();
  const writer = new DocumentWriter();
  const guest = { hostname: guestHost.hostname, address: guestAddress };
  await agent.push(
    writer.full({
      'dhcp.hosts': { guest: guestHost },
      'dns.records': { guest },
      'nat.portForwards': { one: portForward(8080, 80) },
      'firewall.ingress': { open: openIngress },
    }),
  );
  await lease(lab, wires.guest);
  await lab.startEcho(wires.guest, guestAddress);
  await commands.run('dd', ['if=/dev/zero', `of=${state}/filler`, 'bs=64k'], { okCodes: [1] });
  const push = writer.add({ 'nat.portForwards': { two: portForward(8081, 80) } });
  const refused = await t.throwsAsync(agent.push(push), { instanceOf: RefusedError });
  t.regex(JSON.stringify(refused?.refusal), /no space left|ENOSPC/i);
  t.truthy(await forwarded(lab, 8080), 'what it served it serves');
  t.is(await forwarded(lab, 8081), null);
  t.regex(await lease(lab, wires.guest), /10\.1\.1\.10/, 'a lease is renewed');
  t.deepEqual(await dig(wires.guest, '10.1.1.1', 'guest.cs1.internal'), [guestAddress]);
  await files.remove(`${state}/filler`);
  await agent.push(push);
  t.truthy(await forwarded(lab, 8081));
});
