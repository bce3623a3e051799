// The services of an offering are what a network's router serves, and a network moves between offerings live.
import type { ApiValues } from '@isthmus/api-client';
import test from 'ava';
import { type Cloud, createCloud, objectsIn, only, type Tenant, text } from '../lab/cloud.ts';
import { answererOf, dig, httpGet, internet, seenAs, waitFor } from '../lab/index.ts';

let cloud: Cloud;
const server = `http://${internet.server}/`;
const everything = 'Dhcp,Dns,UserData,Firewall,SourceNat,StaticNat,PortForwarding,Lb';

test.before(async () => {
  cloud = await createCloud();
});
test.after.always(() => cloud?.teardown());

async function offering(name: string, supportedservices: string, values: ApiValues = {}): Promise<string> {
  await cloud.admin.run('createNetworkOffering', {
    name,
    traffictype: 'GUEST',
    guestiptype: 'Isolated',
    supportedservices,
    enable: true,
    ...values,
  });
  return text(only(name, await cloud.admin.list('listNetworkOfferings', { name })), 'id');
}

const answersDns = async ({ host }: { host: Parameters<typeof dig>[0] }) =>
  (await dig(host, '10.1.1.1', 'www.example.org')).includes(internet.server);

/** True where the metadata service answers at the gateway. */
const answersMetadata = async ({ host }: { host: Parameters<typeof httpGet>[0] }) =>
  (await httpGet(host, 'http://10.1.1.1/latest/meta-data/local-hostname', { timeoutMs: 700 })) !== null;

async function refusal(tenant: Tenant, command: string, values: ApiValues): Promise<string> {
  try {
    await tenant.client.run(command, values);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('a network without Dns, UserData, Lb and PortForwarding really lacks them', async (t) => {
  const networkofferingid = await offering('lean', 'Dhcp,Firewall,SourceNat', { egressdefaultpolicy: true });
  const tenant = await cloud.tenant('lean', { network: { networkofferingid } });
  const guest = await tenant.deploy('guest');
  t.is(await seenAs(guest.host, server), (await tenant.sourceNat()).address, 'what it has serves');
  t.deepEqual(await dig(guest.host, '10.1.1.1', 'www.example.org'), []);
  t.deepEqual(await dig(guest.host, internet.dns, 'www.example.org'), [internet.server], "the zone's resolver serves");
  t.false(await answersMetadata(guest));
  const { stdout } = await (await tenant.routerHost()).commands.run('ss', ['-Hlntu']);
  t.false(/:(53|80|8080)\s/.test(stdout), stdout);
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  const services = objectsIn(network ?? {}, 'service').map((service) => text(service, 'name'));
  t.deepEqual(services, ['Dhcp', 'Firewall', 'SourceNat']);
  const ip = await tenant.sourceNat();
  const forward = { ipaddressid: ip.id, virtualmachineid: guest.id, protocol: 'tcp', publicport: 80, privateport: 80 };
  t.regex(await refusal(tenant, 'createPortForwardingRule', forward), /service PortForwarding/);
  const balancer = { publicipid: ip.id, algorithm: 'roundrobin', name: 'lb', publicport: 80, privateport: 80 };
  t.regex(await refusal(tenant, 'createLoadBalancerRule', balancer), /service Lb/);
});

test('a network moves to another offering and back under running streams, on the router that it has', async (t) => {
  const full = await offering('full', everything, { egressdefaultpolicy: true });
  const small = await offering('small', 'Dhcp,Firewall,SourceNat,PortForwarding', { egressdefaultpolicy: true });
  const tenant = await cloud.tenant('mover', { network: { networkofferingid: full } });
  const guest = await tenant.deploy('guest');
  const ip = await tenant.sourceNat();
  await cloud.lab.startEcho(guest.host, guest.address, { http: 8081, echo: 7 });
  await tenant.forward(ip, guest, { publicport: 7007, privateport: 7, openfirewall: true });
  const router = (await tenant.router()).id;
  const streams = {
    inwards: await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007),
    outwards: await cloud.lab.startStream(guest.host, internet.server, 7),
  };
  const move = (networkofferingid: string) =>
    tenant.client.run('updateNetwork', { id: tenant.networkId, networkofferingid });
  t.true(await answersDns(guest));
  await move(small);
  t.false(await answersDns(guest));
  t.false(await answersMetadata(guest));
  const [moved] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  t.like(moved, { networkofferingname: 'small', restartrequired: false, state: 'Implemented' });
  await move(full);
  await waitFor('DNS serves again', () => answersDns(guest));
  for (const [way, stream] of Object.entries(streams)) {
    const { error, longestGapMs, received } = await stream.stop();
    t.is(error, null, way);
    t.true(received > 0);
    t.true(longestGapMs < 1000, `${way}: ${longestGapMs} ms without an echo`);
  }
  t.is((await tenant.router()).id, router, 'the router is the same');
});

test('egress follows the default of the offering that a network moves to', async (t) => {
  const open = await offering('open', everything, { egressdefaultpolicy: true });
  const closed = await offering('closed', everything, { egressdefaultpolicy: false });
  const tenant = await cloud.tenant('egress', { network: { networkofferingid: open } });
  const guest = await tenant.deploy('guest');
  t.not(await seenAs(guest.host, server), null);
  await tenant.client.run('updateNetwork', { id: tenant.networkId, networkofferingid: closed });
  t.is(await seenAs(guest.host, server, { timeoutMs: 700 }), null);
});

test('rules of a service that the new offering lacks keep a network where it is, unless a root admin forces it', async (t) => {
  const plain = await offering('plain', 'Dhcp,Dns,Firewall,SourceNat');
  const tenant = await cloud.tenant('keeper');
  const guest = await tenant.deploy('guest');
  const ip = await tenant.sourceNat();
  const id = await tenant.forward(ip, guest, { publicport: 80, privateport: 80, openfirewall: true });
  const reached = () => answererOf(cloud.lab.internet, `http://${ip.address}/`, { timeoutMs: 700 });
  t.is(await reached(), 'guest');
  const values = { id: tenant.networkId, networkofferingid: plain };
  const said = await refusal(tenant, 'updateNetwork', values);
  t.regex(said, /networkofferingid/);
  t.true(said.includes(id), said);
  t.is(await reached(), 'guest');
  t.regex(
    await refusal(tenant, 'updateNetwork', { ...values, forced: true }),
    /networkofferingid/,
    'no tenant forces it',
  );
  await cloud.admin.run('updateNetwork', { ...values, forced: true });
  t.is(await reached(), null);
  t.deepEqual(await tenant.client.list('listPortForwardingRules', { networkid: tenant.networkId }), []);
});

test('a network without a way out gets one by a move, on a new router', async (t) => {
  const inner = await offering('inner', 'Dhcp,Dns');
  const outer = await offering('outer', 'Dhcp,Dns,Firewall,SourceNat', { egressdefaultpolicy: true });
  const tenant = await cloud.tenant('door', { network: { networkofferingid: inner } });
  const guest = await tenant.deploy('guest');
  t.is(await seenAs(guest.host, server, { timeoutMs: 700 }), null);
  await tenant.client.run('updateNetwork', { id: tenant.networkId, networkofferingid: outer });
  t.is(await seenAs(guest.host, server), (await tenant.sourceNat()).address);
  await tenant.client.run('updateNetwork', { id: tenant.networkId, networkofferingid: inner });
  t.is(await seenAs(guest.host, server, { timeoutMs: 700 }), null, 'and loses it again');
});
