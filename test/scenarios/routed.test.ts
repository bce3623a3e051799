// Routed networks: guests at their own addresses, rules both ways, by the API and with real packets.
import test from 'ava';
import { type Cloud, createCloud, type Instance, objectIn, objectsIn, only, type Tenant, text } from '../lab/cloud.ts';
import { answererOf, internet, pings, seenAs, waitFor } from '../lab/index.ts';

let cloud: Cloud;
let offering = '';
const server = `http://${internet.server}/`;
const [friend, stranger] = internet.clients;

test.before(async () => {
  cloud = await createCloud();
  const name = 'DefaultIsolatedRoutedNetworkOffering';
  offering = text(only(name, await cloud.admin.list('listNetworkOfferings', { name })), 'id');
  await cloud.admin.run('createIpv4SubnetForZone', { zoneid: cloud.zoneId, subnet: '198.18.0.0/20' });
});
test.after.always(() => cloud?.teardown());

/** The internet's router learns of a network what listNetworks says that it needs. */
async function announce(tenant: Tenant): Promise<void> {
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  for (const route of objectsIn(network ?? {}, 'ip4routes')) {
    const words = ['route', 'replace', text(route, 'subnet'), 'via', text(route, 'gateway')];
    await cloud.lab.internet.commands.run('ip', words);
  }
}

async function routedTenant(name: string): Promise<{ tenant: Tenant; web: Instance }> {
  const tenant = await cloud.tenant(name, { network: { networkofferingid: offering, cidrsize: 26 } });
  const web = await tenant.deploy('web');
  await announce(tenant);
  return { tenant, web };
}

async function rule(tenant: Tenant, values: Readonly<Record<string, string | number>>): Promise<string> {
  const answer = await tenant.client.run('createRoutingFirewallRule', { networkid: tenant.networkId, ...values });
  return text(objectIn(answer, 'firewallrule'), 'id');
}

const reached = ({ address }: Instance, from: string) =>
  answererOf(cloud.lab.internet, `http://${address}/`, { from, timeoutMs: 700 });

test('a routed guest is reached at its own address where a rule admits it, and by nobody else', async (t) => {
  const { tenant, web } = await routedTenant('inwards');
  t.regex(web.address, /^198\.18\./);
  t.is(await reached(web, friend), null, 'nothing new comes in without a rule');
  const id = await rule(tenant, { protocol: 'tcp', startport: 80, endport: 80, cidrlist: `${friend}/32` });
  t.is(await reached(web, friend), 'web');
  t.is(await reached(web, stranger), null);
  t.false(await pings(cloud.lab.internet, web.address, friend));
  const echo = await rule(tenant, { protocol: 'icmp', icmptype: 8, icmpcode: 0 });
  t.true(await pings(cloud.lab.internet, web.address, stranger));
  const listed = await tenant.client.list('listRoutingFirewallRules', { networkid: tenant.networkId });
  t.deepEqual(new Set(listed.map((each) => each.id)), new Set([id, echo]));
  t.like(listed[0], { state: 'Active', traffictype: 'Ingress', cidrlist: `${friend}/32`, protocol: 'tcp' });
  await tenant.client.run('deleteRoutingFirewallRule', { id });
  t.is(await reached(web, friend), null, 'its rule is gone');
});

test('a routed guest goes out as itself, where an egress rule permits, and answers return', async (t) => {
  const { tenant, web } = await routedTenant('outwards');
  t.is(await seenAs(web.host, server, { timeoutMs: 700 }), null, 'the offering denies egress by default');
  await rule(tenant, { protocol: 'tcp', startport: 80, endport: 80, traffictype: 'Egress' });
  t.is(await seenAs(web.host, server), web.address);
  t.false(await pings(web.host, internet.server));
});

test('a stream into a routed network is unbroken while rules come and go around it', async (t) => {
  const { tenant, web } = await routedTenant('stream');
  await cloud.lab.startEcho(web.host, web.address, { http: 8081, echo: 7 });
  await rule(tenant, { protocol: 'tcp', startport: 7, endport: 7 });
  const stream = await cloud.lab.startStream(cloud.lab.internet, web.address, 7);
  for (const port of [9001, 9002, 9003]) {
    const id = await rule(tenant, { protocol: 'tcp', startport: port, endport: port });
    await tenant.client.run('deleteRoutingFirewallRule', { id });
  }
  const { error, longestGapMs } = await stream.stop();
  t.is(error, null);
  t.true(longestGapMs < 1000, `${longestGapMs} ms without an echo`);
});

test('a routed network translates nothing and says so, and gives its subnet back', async (t) => {
  const { tenant, web } = await routedTenant('plain');
  const { client, networkId } = tenant;
  const [network] = await client.list('listNetworks', { id: networkId });
  const [address] = await client.list('listPublicIpAddresses', { associatednetworkid: networkId });
  t.is(address?.issourcenat, false);
  t.like(network, { ip4routing: 'Static', internetprotocol: 'IPv4' });
  t.deepEqual(objectsIn(network ?? {}, 'ip4routes'), [{ subnet: network?.cidr, gateway: address?.ipaddress }] as never);
  const refusals = {
    createFirewallRule: { ipaddressid: String(address?.id), protocol: 'tcp', startport: 80 },
    createEgressFirewallRule: { networkid: networkId, protocol: 'tcp', startport: 80 },
    associateIpAddress: { networkid: networkId },
    createPortForwardingRule: {
      ipaddressid: String(address?.id),
      virtualmachineid: web.id,
      protocol: 'tcp',
      publicport: 80,
      privateport: 80,
    },
  };
  for (const [command, values] of Object.entries(refusals)) {
    await t.throwsAsync(client.run(command, values), { message: /routed/ }, command);
  }
  const cut = async () => cloud.admin.list('listIpv4SubnetsForGuestNetwork', { subnet: String(network?.cidr) });
  t.like((await cut())[0], { state: 'Allocated', networkid: networkId });
  await cloud.admin.run('destroyVirtualMachine', { id: web.id, expunge: true });
  await waitFor('the instance is gone', async () => (await client.list('listVirtualMachines', {})).length === 0);
  await client.run('deleteNetwork', { id: networkId });
  t.deepEqual(await cut(), []);
});
