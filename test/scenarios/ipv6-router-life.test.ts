// The router of a dual-stack network as its tenant notices it: replaced without a loss, counted, and checked.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Cloud, createCloud, objectIn, objectsIn, text } from '../lab/cloud.ts';
import { type DualStackGuest, ipv6Rule, learnIpv6, offerDualStack, outside } from '../lab/dual-stack.ts';
import { waitFor } from '../lab/index.ts';
import { usageOf } from '../lab/usage.ts';

let cloud: Cloud;
let offering = '';

test.before(async () => {
  cloud = await createCloud();
  offering = await offerDualStack(cloud);
});
test.after.always(() => cloud?.teardown());

async function dualStack(name: string): Promise<DualStackGuest> {
  const tenant = await cloud.tenant(name, { network: { networkofferingid: offering } });
  return learnIpv6(cloud, tenant, await tenant.deploy('web'));
}

/** Asks for the guest's address by DHCPv6, as dhclient(8) does; it is left as it is. */
async function leaseIpv6({ web, address }: DualStackGuest): Promise<void> {
  const base = `${cloud.lab.run}/dhclient6-${web.id}`;
  const words = `#!/bin/sh\n[ -z "$new_ip6_address" ] || echo "$new_ip6_address" >> ${base}.out\n`;
  await cloud.lab.machine.files.writeText(`${base}.sh`, words, { mode: 0o755 });
  const files = ['-lf', `${base}.leases`, '-pf', `${base}.pid`, '-cf', '/dev/null', '-sf', `${base}.sh`];
  const { pid } = await cloud.lab.startDaemon(web.host, 'dhclient', ['-6', '-1', '-d', '-D', 'LL', ...files, 'eth0']);
  const told = () => cloud.lab.machine.files.readTextIfExists(`${base}.out`);
  await waitFor('a lease of DHCPv6', async () => (await told())?.includes(address));
  cloud.lab.machine.commands.signal(pid, 'SIGKILL');
}

/** The line that names the DHCPv6 server, and that of the guest's lease, as the router hands them over. */
async function ipv6Leases({ tenant, address }: DualStackGuest): Promise<string[]> {
  const agent = await cloud.routerAgent(text(await tenant.router(), 'id'));
  const { dnsmasq = '' } = await agent.state();
  return dnsmasq.split('\n').filter((line) => line.startsWith('duid ') || line.includes(` ${address} `));
}

const pingedBytes = 1000 + 8 + 40;

/** Pings through the router: `count` requests and as many answers of `pingedBytes`. */
async function ping({ address }: DualStackGuest, count: number): Promise<void> {
  const args = ['-6', '-q', '-n', '-s', '1000', '-c', String(count), '-i', '0.02', '-W', '2', address];
  const { stdout } = await cloud.lab.internet.commands.run('ping', args);
  if (!stdout.includes(` ${count} received`)) throw new Error(stdout);
}

test('IPv6 connections and DHCPv6 leases live through restartNetwork with cleanup', async (t) => {
  const guest = await dualStack('replaced');
  const { tenant, web, address } = guest;
  await ipv6Rule(guest, { protocol: 'tcp', startport: 7 });
  await ipv6Rule(guest, { protocol: 'tcp', startport: 7, traffictype: 'Egress' });
  await leaseIpv6(guest);
  const [before, leases] = [text(await tenant.router(), 'id'), await ipv6Leases(guest)];
  t.is(leases.length, 2, leases.join('\n'));
  const streams = [
    await cloud.lab.startStream(cloud.lab.internet, address, 7),
    await cloud.lab.startStream(web.host, outside.server, 7),
  ];
  await tenant.client.run('restartNetwork', { id: tenant.networkId, cleanup: true });
  t.not(text(await tenant.router(), 'id'), before);
  t.deepEqual(await ipv6Leases(guest), leases, 'the server is the same to its clients, and so is the lease');
  await sleep(2_000);
  for (const stream of streams) {
    const { error, longestGapMs, sent, received } = await stream.stop();
    t.log(`${received} of ${sent} echoes, longest time without one ${longestGapMs} ms`);
    t.is(error, null);
    t.true(received > 0.8 * sent, `${received} of ${sent} echoes`);
  }
});

/** The counters of a guest's network, once nothing adds to them. */
async function settledUsage({ tenant }: DualStackGuest): ReturnType<typeof usageOf> {
  let last = await usageOf(cloud.admin, tenant);
  return waitFor('nothing more is counted', async () => {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const before = last;
    last = await usageOf(cloud.admin, tenant);
    return last.sent === before.sent && last.received === before.received ? last : null;
  });
}

test('bytes of IPv6 count as the network’s', async (t) => {
  const guest = await dualStack('counted');
  await ipv6Rule(guest, { protocol: 'icmp', icmptype: -1, icmpcode: -1 });
  // What its making asked for again, on a busy machine, may still be answered.
  const { sent, received } = await settledUsage(guest);
  await ping(guest, 20);
  const by = 20 * pingedBytes;
  t.deepEqual(await usageOf(cloud.admin, guest.tenant), { sent: sent + by, received: received + by });
});

const checks = ['dhcp_check.py', 'gateways_check.py', 'iptables_check.py'] as const;

/** What the router finds of these checks when it looks now. */
async function findings({ tenant }: DualStackGuest): Promise<Record<(typeof checks)[number], string>> {
  const routerid = text(await tenant.router(), 'id');
  const answer = objectIn(
    await cloud.admin.run('getRouterHealthCheckResults', { routerid, performfreshchecks: true }),
    'routerhealthchecks',
  );
  const results = new Map(objectsIn(answer, 'healthchecks').map((each) => [each.checkname, each]));
  const [dhcp, gateways, iptables] = checks.map((name) => {
    const { status, details } = results.get(name) ?? {};
    return `${String(status)}: ${String(details)}`;
  });
  return { 'dhcp_check.py': dhcp ?? '', 'gateways_check.py': gateways ?? '', 'iptables_check.py': iptables ?? '' };
}

test('health checks look at IPv6 too: its rules, its gateway, its DHCP', async (t) => {
  const guest = await dualStack('checked');
  const id = await ipv6Rule(guest, { protocol: 'tcp', startport: 7, cidrlist: `${outside.friend}/128` });
  t.truthy(id);
  const well = await findings(guest);
  t.regex(well['dhcp_check.py'], /^SUCCESS: .*DHCPv6/);
  t.true(well['gateways_check.py'].startsWith('SUCCESS: '), well['gateways_check.py']);
  t.true(well['gateways_check.py'].includes(`${outside.gateway} answers`), well['gateways_check.py']);
  t.regex(well['iptables_check.py'], /^SUCCESS: .*of IPv6/);

  const { commands } = await guest.tenant.routerHost();
  const rules = async () => (await commands.run('ip6tables-save', ['-t', 'filter'])).stdout;
  const chain = /^-A ((?!INPUT|FORWARD|OUTPUT)\S+) .*-j/m.exec(await rules())?.[1] ?? '';
  t.not(chain, '');
  await commands.run('ip6tables', ['-F', chain]);
  const broken = (await findings(guest))['iptables_check.py'];
  t.true(broken.startsWith('FAILURE: ') && broken.includes(chain), broken);
  await waitFor('the rules are loaded again', async () => (await rules()).includes(`-A ${chain} `));

  const pids: number[] = [];
  for (const pid of await cloud.lab.routerProcesses(text(await guest.tenant.router(), 'id'))) {
    const words = await cloud.lab.machine.files.readTextIfExists(`/proc/${pid}/cmdline`);
    if (words?.includes('/dhcp6/')) pids.push(pid);
  }
  t.is(pids.length, 1);
  for (const pid of pids) cloud.lab.machine.commands.signal(pid, 'SIGSTOP');
  const silent = (await findings(guest))['dhcp_check.py'];
  t.regex(silent, /^FAILURE: DHCPv6/);
  const serves = async () => (await findings(guest))['dhcp_check.py'].startsWith('SUCCESS: ');
  await waitFor('DHCPv6 is served again', serves, 60_000);
});
