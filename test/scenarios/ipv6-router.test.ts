// A dual-stack network, at one router: real clients, real packets, no orchestrator.
import { type Agent, createAgent } from '@isthmus/agent';
import type { Ipv6Rule } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { eui64Address, parseHostname, parseIpv4Address, parseIpv6Cidr, parseMacAddress } from '@isthmus/net';
import { createRouterServices } from '@isthmus/router';
import test, { type ExecutionContext } from 'ava';
import { dig, httpGet, type Lab, labFor, pings, seenAs, waitFor } from '../lab/index.ts';
import { addIpv6Internet, advertisement, dualStack, enableIpv6, ipv6, ipv6Addresses } from '../lab/ipv6.ts';
import { DocumentWriter, guestAddress, guestHost, settings } from '../lab/router-document.ts';
import { lease, type Wires, wire } from '../lab/wired-router.ts';

const guest = { ...guestHost, ipv6Address: ipv6.guest };
const document = {
  'dhcp.hosts': { guest },
  'dns.records': { guest: { hostname: guest.hostname, address: guestAddress, ipv6Address: ipv6.guest } },
};

function rule(direction: Ipv6Rule['direction'], protocol: Ipv6Rule['protocol'], port?: number): Ipv6Rule {
  const ports = port === undefined ? {} : { ports: { first: port, last: port } };
  return { direction, protocol, ...ports, sources: [], destinations: [] };
}

interface Stage {
  readonly lab: Lab;
  readonly wires: Wires;
  readonly agent: Agent;
  readonly writer: DocumentWriter;
}

async function agentOf(lab: Lab, { router, paths }: Wires): Promise<Agent> {
  const services = createRouterServices({ host: router, paths, namePrefix: lab.installation });
  return createAgent({ host: router, paths, services });
}

/** A lab with an internet of IPv6, a router that has none of it yet, and a guest that listens for it. */
async function staged(t: ExecutionContext): Promise<Stage> {
  const lab = await labFor(t, { hostAgent: false, logLevel: 'silent' });
  const wires = await wire(lab);
  await addIpv6Internet(lab.internet);
  await lab.startEcho(lab.internet, ipv6.server);
  const agent = await agentOf(lab, wires);
  t.teardown(() => agent.release());
  await agent.boot();
  const writer = new DocumentWriter();
  await agent.push(writer.full(document));
  await enableIpv6(wires.guest);
  return { lab, wires, agent, writer };
}

async function guestHasAddress({ guest: host }: Wires): Promise<void> {
  await waitFor('an address by SLAAC', async () => (await ipv6Addresses(host)).includes(ipv6.guest));
}

async function unwell(agent: Agent): Promise<string[]> {
  const { services } = await agent.status();
  return services.filter(({ healthy }) => !healthy).map(({ service, detail }) => `${service}: ${detail}`);
}

/** What dhclient(8) is told by DHCPv6 with a DUID of this type. Throws where there is no lease. */
async function leaseIpv6(lab: Lab, host: Host, duid: 'LL' | 'LLT', device = 'eth0'): Promise<string> {
  const script = `${lab.run}/dhclient-${duid}`;
  const said = '"$reason $new_ip6_address dns $new_dhcp6_name_servers search $new_dhcp6_domain_search"';
  await lab.machine.files.writeText(script, `#!/bin/sh\n[ -z "$new_ip6_address" ] || echo ${said} >> ${script}.out\n`, {
    mode: 0o755,
  });
  const files = ['-lf', `${script}.leases`, '-pf', `${script}.pid`, '-cf', '/dev/null'];
  const args = ['-6', '-1', '-d', '-D', duid, ...files, '-sf', script, device];
  const { pid } = await lab.startDaemon(host, 'dhclient', args);
  try {
    return await waitFor('a lease of DHCPv6', () => lab.machine.files.readTextIfExists(`${script}.out`));
  } finally {
    lab.machine.commands.signal(pid, 'SIGTERM');
    await lab.machine.files.remove(`${script}.out`);
  }
}

test('IPv6 comes to a network live: SLAAC, DHCPv6, resolver, search list, names; the internet by the guest’s own address', async (t) => {
  const { lab, wires, agent, writer } = await staged(t);
  t.deepEqual(await ipv6Addresses(wires.guest), []);
  t.deepEqual(await ipv6Addresses(wires.router), [], 'a network without IPv6 has none');
  await agent.push(writer.add({}, dualStack()));
  await guestHasAddress(wires);
  const said = await advertisement(wires.guest);
  t.regex(said, /Stateful address conf\. +: +Yes/);
  t.regex(said, /Recursive DNS server +: 2001:db8:1::1/);
  t.regex(said, /DNS search list +: cs1\.internal/);
  t.regex(said, /Autonomous address conf\.: +Yes/);
  const words = `${ipv6.guest} dns ${ipv6.router} search cs1.internal`;
  t.true((await leaseIpv6(lab, wires.guest, 'LL')).includes(words));
  t.deepEqual(await dig(wires.guest, ipv6.router, 'guest.cs1.internal', 'AAAA'), [ipv6.guest]);
  t.deepEqual(await dig(wires.guest, ipv6.router, 'guest.cs1.internal'), [guestAddress]);
  t.deepEqual(await dig(wires.guest, ipv6.router, ipv6.guest, 'PTR'), ['guest.cs1.internal.']);
  t.is(await seenAs(wires.guest, `http://[${ipv6.server}]/`), ipv6.guest);
  await waitFor('a lease', () => lease(lab, wires.guest).catch(() => null));
  t.is(await seenAs(wires.guest, `http://198.51.100.10/`), settings.nat.sourceNatAddress ?? '');
  t.deepEqual(await unwell(agent), []);
});

test('a host that comes while the router serves has its lease and its name, and when it goes both go', async (t) => {
  const { lab, wires, agent, writer } = await staged(t);
  await agent.push(writer.add({}, dualStack()));
  const macAddress = parseMacAddress('02:00:00:00:01:22');
  const address = eui64Address(ipv6.network, macAddress);
  const hostname = parseHostname('second');
  const ipv4 = parseIpv4Address('10.1.1.22');
  const second = { macAddress, address: ipv4, hostname, ipv6Address: address };
  const record = { hostname, address: ipv4, ipv6Address: address };
  await agent.push(writer.add({ 'dhcp.hosts': { second }, 'dns.records': { second: record } }));
  const link = [
    'link',
    'add',
    'link',
    'eth0',
    'name',
    'eth1',
    'address',
    macAddress,
    'type',
    'macvlan',
    'mode',
    'bridge',
  ];
  await wires.guest.commands.run('ip', link);
  await wires.guest.commands.run('ip', ['link', 'set', 'dev', 'eth1', 'up']);
  await waitFor('the link is ready', async () => {
    const { stdout } = await wires.guest.commands.run('ip', ['-6', 'address', 'show', 'dev', 'eth1', '-tentative']);
    return stdout.includes('scope link');
  });
  t.true((await leaseIpv6(lab, wires.guest, 'LLT', 'eth1')).includes(address));
  await guestHasAddress(wires);
  t.deepEqual(await dig(wires.guest, ipv6.router, 'second.cs1.internal', 'AAAA'), [address]);
  const leases = () => lab.machine.files.readTextIfExists(`${wires.paths.state}/dnsmasq/dhcp6/leases`);
  t.true((await leases())?.includes(address));
  await agent.push(writer.remove('dhcp.hosts', 'second'));
  await agent.push(writer.remove('dns.records', 'second'));
  await waitFor('the lease is gone', async () => (await leases())?.includes(address) === false);
  await waitFor('the name is gone', async () => {
    return (await dig(wires.guest, ipv6.router, 'second.cs1.internal', 'AAAA')).length === 0;
  });
  t.deepEqual(await unwell(agent), []);
});

test('the internet reaches a guest only where a rule admits it, and what a rule admitted ends with it', async (t) => {
  const { lab, wires, agent, writer } = await staged(t);
  await agent.push(writer.add({}, dualStack('deny')));
  await guestHasAddress(wires);
  await lab.startEcho(wires.guest, ipv6.guest);
  const url = `http://[${ipv6.guest}]/`;
  const outside = `http://[${ipv6.server}]/`;
  t.is(await httpGet(lab.internet, url, { timeoutMs: 700 }), null);
  t.is(await httpGet(wires.guest, outside, { timeoutMs: 700 }), null, 'and egress is denied by default');
  const sources = [parseIpv6Cidr('2001:db8:f::/64'), parseIpv6Cidr('2001:db8:ffff::/64')];
  await agent.push(
    writer.add({
      'firewall.ipv6': { web: { ...rule('ingress', 'tcp', 80), sources }, echo: rule('ingress', 'tcp', 7) },
    }),
  );
  t.is(await seenAs(lab.internet, url), ipv6.gateway, 'answered, though the guest may begin nothing');
  t.is(await httpGet(wires.guest, outside, { timeoutMs: 700 }), null);
  const stream = await lab.startStream(lab.internet, ipv6.guest, 7);
  await agent.push(writer.add({ 'firewall.ipv6': { out: rule('egress', 'tcp', 80) } }));
  t.is(await seenAs(wires.guest, outside), ipv6.guest);
  await agent.push(writer.remove('firewall.ipv6', 'web'));
  t.is(await httpGet(lab.internet, url, { timeoutMs: 700 }), null);
  await agent.release();
  const second = await agentOf(lab, wires);
  t.teardown(() => second.release());
  await second.boot();
  const report = await stream.stop();
  t.is(report.error, null);
  t.true(report.longestGapMs < 2000, `a gap of ${report.longestGapMs} ms over changes and a new agent`);
  const last = await lab.startStream(lab.internet, ipv6.guest, 7);
  await second.push(writer.remove('firewall.ipv6', 'echo'));
  const before = (await second.status()).services.length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  const ended = await last.stop();
  t.true(ended.received < ended.sent, 'the stream stands still');
  t.true(before > 0);
  t.deepEqual(await unwell(second), []);
});

test('while IPv6 comes and goes and rules change, nothing passes that no rule admits', async (t) => {
  const { lab, wires, agent, writer } = await staged(t);
  await agent.push(writer.add({}, dualStack()));
  await guestHasAddress(wires);
  t.true(await pings(wires.guest, ipv6.server), 'the guest’s side is open, so an answer could come');
  // Every 5 ms, to the guest and to the router's own two addresses.
  const targets = [ipv6.guest, ipv6.router, ipv6.routerOutside];
  const log = (index: number) => `${lab.run}/ping-${index}`;
  const args = (to: string) => ['-6', '-n', '-i', '0.005', to];
  const pids = await Promise.all(
    targets.map((to, index) => lab.internet.commands.startDaemon('ping', args(to), { logPath: log(index) })),
  );
  const v4 = { routing: settings.routing, dhcp: settings.dhcp, firewall: settings.firewall };
  for (let round = 0; round < 3; round += 1) {
    await agent.push(writer.add({ 'firewall.ipv6': { web: rule('ingress', 'tcp', 80 + round) } }));
    await agent.push(writer.add({}, dualStack(round % 2 === 0 ? 'deny' : 'allow')));
    await agent.push(writer.remove('firewall.ipv6', 'web'));
    await agent.push(writer.add({}, v4));
    t.deepEqual(await ipv6Addresses(wires.router), []);
    await agent.push(writer.add({}, dualStack()));
  }
  await guestHasAddress(wires);
  await waitFor('the guest’s way out', () => pings(wires.guest, ipv6.server));
  for (const pid of pids) lab.machine.commands.signal(pid, 'SIGINT');
  for (const [index, to] of targets.entries()) {
    const text = await waitFor(`what ping saw of ${to}`, async () => {
      const said = (await lab.machine.files.readTextIfExists(log(index))) ?? '';
      return said.includes('packets transmitted') ? said : null;
    });
    t.notRegex(text, /bytes from 2001:db8:1:|bytes from 2001:db8:f::10/, to);
    t.true(Number(/(\d+) packets transmitted/.exec(text)?.[1]) > 50, to);
  }
  t.deepEqual(await unwell(agent), []);
});
