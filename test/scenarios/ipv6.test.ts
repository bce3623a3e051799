// Dual-stack networks: guests at IPv6 addresses of their own, rules both ways, by the API and with real packets.
import type { Host } from '@isthmus/host';
import test from 'ava';
import { type Cloud, createCloud, type Instance, objectIn, objectsIn, only, type Tenant, text } from '../lab/cloud.ts';
import { answererOf, dig, internet, seenAs, waitFor } from '../lab/index.ts';

let cloud: Cloud;
let offering = '';

/** The internet's IPv6 (RFC 3849): the gateway of the public segment, a server, and a client. */
const outside = {
  gateway: '2001:db8:ffff::1',
  network: '2001:db8:ffff::/64',
  server: '2001:db8:aaaa::10',
  friend: '2001:db8:aaaa::20',
  stranger: '2001:db8:aaaa::30',
} as const;
const server = `http://[${outside.server}]/`;

async function enableIpv6(host: Host, device: string): Promise<void> {
  const keys = ['all', 'default', 'lo', device].map((name) => `net.ipv6.conf.${name}.disable_ipv6=0`);
  await host.commands.run('sysctl', ['-qw', ...keys]);
}

test.before(async () => {
  cloud = await createCloud();
  const { admin, lab, zoneId: zoneid } = cloud;
  await enableIpv6(lab.internet, 'eth0');
  const own = [outside.server, outside.friend, outside.stranger];
  const lines = [
    `address add ${outside.gateway}/64 dev eth0 nodad`,
    ...own.map((address) => `address add ${address}/128 dev lo nodad`),
  ];
  await lab.internet.commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  await lab.startEcho(lab.internet, outside.server);
  const name = 'DefaultIsolatedDualStackNetworkOffering';
  offering = text(only(name, await admin.list('listNetworkOfferings', { name })), 'id');
  const range = text(only('public range', await admin.list('listVlanIpRanges', { zoneid })), 'id');
  await admin.run('updateVlanIpRange', { id: range, ip6gateway: outside.gateway, ip6cidr: outside.network });
  await admin.run('createGuestNetworkIpv6Prefix', { zoneid, prefix: '2001:db8:1::/48' });
});
test.after.always(() => cloud?.teardown());

interface Guest {
  readonly tenant: Tenant;
  readonly web: Instance;
  /** By its NIC in the API. */
  readonly address: string;
}

/** A tenant with one guest that has learnt its addresses; the internet's router knows the way to it. */
async function dualStack(name: string): Promise<Guest> {
  const tenant = await cloud.tenant(name, { network: { networkofferingid: offering } });
  const web = await tenant.deploy('web');
  const nic = only('NIC', await tenant.client.list('listNics', { virtualmachineid: web.id }));
  const address = text(nic, 'ip6address');
  await web.host.commands.run('ip', ['link', 'set', 'dev', 'eth0', 'addrgenmode', 'eui64']);
  await enableIpv6(web.host, 'eth0');
  await waitFor(`the address ${address} by router advertisement`, async () => {
    const { stdout } = await web.host.commands.run('ip', ['-6', 'address', 'show', 'dev', 'eth0', 'scope', 'global']);
    return stdout.includes(`${address}/`) && !stdout.includes('tentative');
  });
  await cloud.lab.startEcho(web.host, address, { http: 8081, echo: 7 });
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  for (const route of objectsIn(network ?? {}, 'ip6routes')) {
    const words = ['-6', 'route', 'replace', text(route, 'subnet'), 'via', text(route, 'gateway'), 'dev', 'eth0'];
    await cloud.lab.internet.commands.run('ip', words);
  }
  return { tenant, web, address };
}

async function rule({ tenant }: Guest, values: Readonly<Record<string, string | number>>): Promise<string> {
  const answer = await tenant.client.run('createIpv6FirewallRule', { networkid: tenant.networkId, ...values });
  return text(objectIn(answer, 'firewallrule'), 'id');
}

const reached = async ({ address }: Guest, from: string, port = 8081) =>
  (await seenAs(cloud.lab.internet, `http://[${address}]:${port}/`, { from, timeoutMs: 700 })) !== null;

test('a guest has the IPv6 address that the API tells, and is reached at it where a rule admits it', async (t) => {
  const guest = await dualStack('inwards');
  const { client, networkId } = guest.tenant;
  const [network] = await client.list('listNetworks', { id: networkId });
  t.like(network, { internetprotocol: 'DualStack', ip6routing: 'Static' });
  t.regex(String(network?.ip6cidr), /^2001:db8:1:[0-9a-f:]*\/64$/);
  t.false(await reached(guest, outside.friend), 'nothing new comes in without a rule');
  const id = await rule(guest, { protocol: 'tcp', startport: 8081, cidrlist: `${outside.friend}/128` });
  t.true(await reached(guest, outside.friend));
  t.false(await reached(guest, outside.stranger));
  await client.run('updateIpv6FirewallRule', { id, cidrlist: `${outside.stranger}/128` });
  t.false(await reached(guest, outside.friend));
  t.true(await reached(guest, outside.stranger));
  const [listed] = await client.list('listIpv6FirewallRules', { networkid: networkId, traffictype: 'ingress' });
  t.like(listed, { id, state: 'Active', protocol: 'tcp', startport: 8081, cidrlist: `${outside.stranger}/128` });
  await client.run('deleteIpv6FirewallRule', { id });
  t.false(await reached(guest, outside.stranger));
});

test('a guest goes out by IPv6 as itself where a rule permits, by IPv4 as its network', async (t) => {
  const guest = await dualStack('outwards');
  t.is(await seenAs(guest.web.host, server, { timeoutMs: 700 }), null, 'the offering denies egress by default');
  await rule(guest, { protocol: 'tcp', startport: 80, traffictype: 'Egress' });
  t.is(await seenAs(guest.web.host, server), guest.address);
  t.is(
    await seenAs(guest.web.host, `http://${internet.server}/`, { timeoutMs: 700 }),
    null,
    'IPv4 has rules of its own',
  );
  await guest.tenant.egressRule({ protocol: 'tcp', startport: 80, endport: 80 });
  t.is(await seenAs(guest.web.host, `http://${internet.server}/`), (await guest.tenant.sourceNat()).address);
});

test('guests find each other by IPv6 address, and a stream into one is unbroken while rules change', async (t) => {
  const guest = await dualStack('stream');
  const domain = (await guest.tenant.client.list('listNetworks', { id: guest.tenant.networkId }))[0]?.networkdomain;
  t.deepEqual(await dig(guest.web.host, '10.1.1.1', `web.${domain}`, 'AAAA'), [guest.address]);
  await rule(guest, { protocol: 'tcp', startport: 7 });
  const stream = await cloud.lab.startStream(cloud.lab.internet, guest.address, 7);
  for (const port of [9001, 9002]) {
    const id = await rule(guest, { protocol: 'tcp', startport: port });
    await guest.tenant.client.run('deleteIpv6FirewallRule', { id });
  }
  const { error, longestGapMs } = await stream.stop();
  t.is(error, null);
  t.true(longestGapMs < 1000, `${longestGapMs} ms without an echo`);
});

test('a guest sends by no other IPv6 address than its own', async (t) => {
  const guest = await dualStack('spoof');
  await rule(guest, { protocol: 'all', traffictype: 'Egress' });
  const [prefix = ''] = guest.address.split(/(?<=^(?:[^:]*:){4})/);
  const forged = `${prefix}:66`;
  await guest.web.host.commands.run('ip', ['-6', 'address', 'add', `${forged}/64`, 'dev', 'eth0', 'nodad']);
  t.is(await answererOf(guest.web.host, server, { from: forged, timeoutMs: 700 }), null);
  t.is(await seenAs(guest.web.host, server, { from: guest.address }), guest.address);
});
