// Dual-stack networks: guests at IPv6 addresses of their own, rules both ways, by the API and with real packets.
import test from 'ava';
import { type Cloud, createCloud } from '../lab/cloud.ts';
import { type DualStackGuest, ipv6Rule, isReached, learnIpv6, offerDualStack, outside } from '../lab/dual-stack.ts';
import { answererOf, dig, internet, seenAs } from '../lab/index.ts';

let cloud: Cloud;
let offering = '';

const server = `http://[${outside.server}]/`;

test.before(async () => {
  cloud = await createCloud();
  offering = await offerDualStack(cloud);
});
test.after.always(() => cloud?.teardown());

/** A tenant with one guest that has learnt its addresses. */
async function dualStack(name: string): Promise<DualStackGuest> {
  const tenant = await cloud.tenant(name, { network: { networkofferingid: offering } });
  return learnIpv6(cloud, tenant, await tenant.deploy('web'));
}

const reached = (guest: DualStackGuest, from: string) => isReached(cloud, guest, from);

test('a guest has the IPv6 address that the API tells, and is reached at it where a rule admits it', async (t) => {
  const guest = await dualStack('inwards');
  const { client, networkId } = guest.tenant;
  const [network] = await client.list('listNetworks', { id: networkId });
  t.like(network, { internetprotocol: 'DualStack', ip6routing: 'Static' });
  t.regex(String(network?.ip6cidr), /^2001:db8:1:[0-9a-f:]*\/64$/);
  t.false(await reached(guest, outside.friend), 'nothing new comes in without a rule');
  const id = await ipv6Rule(guest, { protocol: 'tcp', startport: 8081, cidrlist: `${outside.friend}/128` });
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
  await ipv6Rule(guest, { protocol: 'tcp', startport: 80, traffictype: 'Egress' });
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
  await ipv6Rule(guest, { protocol: 'tcp', startport: 7 });
  const stream = await cloud.lab.startStream(cloud.lab.internet, guest.address, 7);
  for (const port of [9001, 9002]) {
    const id = await ipv6Rule(guest, { protocol: 'tcp', startport: port });
    await guest.tenant.client.run('deleteIpv6FirewallRule', { id });
  }
  const { error, longestGapMs } = await stream.stop();
  t.is(error, null);
  t.true(longestGapMs < 1000, `${longestGapMs} ms without an echo`);
});

test('a guest sends by no other IPv6 address than its own', async (t) => {
  const guest = await dualStack('spoof');
  await ipv6Rule(guest, { protocol: 'all', traffictype: 'Egress' });
  const [network] = await guest.tenant.client.list('listNetworks', { id: guest.tenant.networkId });
  const forged = String(network?.ip6cidr).replace(/\/64$/, '66');
  await guest.web.host.commands.run('ip', ['-6', 'address', 'add', `${forged}/64`, 'dev', 'eth0', 'nodad']);
  t.is(await answererOf(guest.web.host, server, { from: forged, timeoutMs: 700 }), null);
  t.is(await seenAs(guest.web.host, server, { from: guest.address }), guest.address);
});
