// Every service of a router that is a VM, as its guests, which are namespaces with every tool, and the internet see them. In
// detail the same is tried with routers in namespaces, file by file.
import { gunzipSync } from 'node:zlib';
import type { ApiObject } from '@isthmus/api-client';
import test from 'ava';
import {
  answerers,
  backendPorts,
  balance,
  curl,
  lineAnswer,
  load,
  startBackend,
  stick,
  TlsNames,
  tlsOf,
} from '../lab/balanced.ts';
import {
  type Cloud,
  createCloud,
  type Instance,
  objectIn,
  objectsIn,
  type PublicIp,
  routersAsVms,
  type Tenant,
  text,
} from '../lab/cloud.ts';
import { type DualStackGuest, ipv6Rule, isReached, learnIpv6, offerDualStack, outside } from '../lab/dual-stack.ts';
import { answererOf, dig, internet, seenAs, waitFor } from '../lab/index.ts';
import { askForLease } from '../lab/lease.ts';
import { pingBytes, pingLong, usageOf } from '../lab/usage.ts';

const gateway = '10.1.1.1';
const linkLocal = '169.254.169.254';
const userData = '#cloud-config of one';
const timeServer = '192.0.2.123';

let cloud: Cloud;
let tenant: Tenant;
let ip: PublicIp;
/** Of `one`, by static NAT. */
let own: PublicIp;
let one: Instance;
let two: Instance;
let dual: DualStackGuest;
let tls: TlsNames;

test.before(async (t) => {
  t.timeout(900_000);
  cloud = await createCloud(routersAsVms);
  await cloud.admin.run('updateTemplate', { id: cloud.templateId, passwordenabled: true });
  const networkofferingid = await offerDualStack(cloud);
  tenant = await cloud.tenant('served', { network: { networkofferingid } });
  const options = {
    'dhcpoptionsnetworklist[0].networkid': tenant.networkId,
    'dhcpoptionsnetworklist[0].dhcp:42': timeServer,
  };
  one = await tenant.deploy('one', { userdata: Buffer.from(userData).toString('base64'), ...options });
  two = await tenant.deploy('two');
  await Promise.all([one, two].map((instance) => startBackend(cloud, instance)));
  [ip, own] = [await tenant.sourceNat(), await tenant.associate()];
  await tenant.client.run('enableStaticNat', { ipaddressid: own.id, virtualmachineid: one.id });
  await tenant.openIngress(own, { protocol: 'icmp', icmptype: -1, icmpcode: -1 });
  dual = await learnIpv6(cloud, tenant, one);
  tls = await TlsNames.create(cloud, tenant);
});
test.after.always(() => cloud?.teardown());

const client = () => cloud.lab.internet;
const distinct = (names: readonly string[]) => [...new Set(names)].sort();
const both = () => [one.address, two.address].sort();
const read = async ({ host }: Instance, url: string, ...words: string[]) => (await curl(host, [...words, url])).stdout;
const passwordOf = (instance: Instance) =>
  read(instance, `http://${gateway}:8080/`, '-H', 'DomU_Request: send_my_password');

test.serial('guests read their own data on every address of metadata, and their passwords once', async (t) => {
  for (const address of [gateway, linkLocal, 'data-server']) {
    const named = ['--resolve', `data-server:80:${(await dig(one.host, gateway, 'data-server'))[0] ?? ''}`];
    t.is(await read(one, `http://${address}/latest/user-data`, ...named), userData, address);
    t.is(await read(two, `http://${address}/latest/meta-data/instance-id`, ...named), two.id, address);
  }
  const lie = ['-H', `X-Forwarded-For: ${one.address}`];
  t.is(await read(two, `http://${gateway}/latest/user-data`, ...lie), '');
  for (const instance of [one, two]) {
    t.is(await passwordOf(instance), instance.password ?? '');
    t.is(await passwordOf(instance), 'saved_password');
  }
  t.not(one.password, two.password);
});

test.serial('a DHCP option reaches the guest that it was given to, and no other', async (t) => {
  const leased = async ({ host }: Instance) => {
    const { ip: address, ntpsrv } = await askForLease(host, { names: ['ntpsrv'] });
    return { address, ntpsrv };
  };
  t.deepEqual(await leased(one), { address: one.address, ntpsrv: timeServer });
  t.deepEqual(await leased(two), { address: two.address, ntpsrv: undefined });
});

test.serial('TLS ends at the load balancer, and requests live through a change of its certificate', async (t) => {
  const id = await balance(tenant, ip, { publicport: 443, members: [one, two], values: { protocol: 'ssl' } });
  const [first, second] = [await tls.upload('first', 'shop.example'), await tls.upload('second', 'shop.example')];
  await tenant.client.run('assignCertToLoadBalancer', { lbruleid: id, certid: first });
  const seen = await tlsOf(client(), ip.address, 443, 'shop.example', ['-CAfile', tls.authorityPath]);
  t.deepEqual(seen, { subject: 'CN=shop.example', verified: true, protocol: 'TLSv1.3' });
  const url = `https://${ip.address}/`;
  t.deepEqual(distinct(await answerers(client(), url, 6, ['--insecure'])), both());
  const loaded = load(client(), url, 10, 4);
  await tenant.client.run('assignCertToLoadBalancer', { lbruleid: id, certid: second, forced: true });
  await tenant.client.run('removeFromLoadBalancerRule', { id, virtualmachineids: two.id });
  await tenant.client.run('assignToLoadBalancerRule', { id, virtualmachineids: two.id });
  const { requests, failed, output } = await loaded;
  t.log(`${requests} requests in 10 s`);
  t.true(requests > 20, output);
  t.is(failed, 0, output);
});

test.serial('a cookie, or the address, keeps a client with its instance', async (t) => {
  const id = await balance(tenant, ip, { publicport: 8003, members: [one, two] });
  const url = `http://${ip.address}:8003/`;
  t.deepEqual(distinct(await answerers(client(), url, 6)), both());
  const jar = ['--cookie', `${cloud.lab.run}/jar`, '--cookie-jar', `${cloud.lab.run}/jar`];
  const policy = await stick(tenant, id, 'LbCookie', { 'cookie-name': 'WHERE', nocache: 'true', indirect: 'true' });
  t.is(distinct(await answerers(client(), url, 6, jar)).length, 1, 'LbCookie');
  t.deepEqual(distinct(await answerers(client(), url, 6)), both(), 'without the cookie');
  await tenant.client.run('deleteLBStickinessPolicy', { id: policy });
  await stick(tenant, id, 'SourceBased', { expire: '5m', tablesize: '10k' });
  t.is(distinct(await answerers(client(), url, 6)).length, 1, 'SourceBased');
});

test.serial('UDP is shared in turn, or by its source', async (t) => {
  const values = { protocol: 'udp' };
  const line = { privateport: backendPorts.line, members: [one, two] };
  await balance(tenant, ip, { publicport: 8006, ...line, values });
  await balance(tenant, ip, { publicport: 8007, ...line, values: { ...values, algorithm: 'source' } });
  const asked = async (port: number, from: string) => {
    const found: string[] = [];
    for (let time = 0; time < 8; time += 1) {
      found.push(await lineAnswer(client(), ip.address, port, ['-u', '-s', from]));
    }
    return distinct(found);
  };
  t.deepEqual(await asked(8006, internet.clients[0]), both());
  for (const from of internet.clients) {
    const [answerer = '', ...others] = await asked(8007, from);
    t.deepEqual(others, [], from);
    t.true(both().includes(answerer), from);
  }
});

test.serial('a dual-stack guest goes out by IPv6 and is reached by it as rules permit', async (t) => {
  const [network] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  t.deepEqual(await dig(one.host, gateway, `one.${text(network ?? {}, 'networkdomain')}`, 'AAAA'), [dual.address]);
  t.false(await isReached(cloud, dual, outside.friend), 'nothing new comes in without a rule');
  await ipv6Rule(dual, { protocol: 'tcp', startport: 8081, cidrlist: `${outside.friend}/128` });
  t.true(await isReached(cloud, dual, outside.friend));
  t.false(await isReached(cloud, dual, outside.stranger));
  const server = `http://[${outside.server}]/`;
  t.is(await seenAs(one.host, server), null, 'the offering denies egress');
  await ipv6Rule(dual, { protocol: 'tcp', startport: 80, traffictype: 'Egress' });
  t.is(await seenAs(one.host, server), dual.address);
});

test.serial('the router is diagnosed from inside, and gives a bundle', async (t) => {
  const targetid = text(await tenant.router(), 'id');
  for (const [type, ipaddress, params] of [
    ['ping', internet.gateway, '-c 1'],
    ['ping', one.address, '-c 1'],
    ['ping', dual.address, '-c 1'],
    ['traceroute', internet.gateway, '-m 3 -q 1 -n'],
    ['arping', one.address, '-c 1'],
  ] as const) {
    const answer = await cloud.admin.run('runDiagnostics', { targetid, type, ipaddress, params });
    const { exitcode, stdout, stderr } = objectIn(answer, 'diagnostics');
    t.is(exitcode, '0', `${type} ${ipaddress}: ${String(stdout)} ${String(stderr)}`);
  }
  const data = objectIn(await cloud.admin.run('getDiagnosticsData', { targetid }), 'diagnostics');
  const archive = await fetch(`${cloud.origin}${new URL(text(data, 'url')).pathname}`);
  t.is(archive.status, 200);
  const tar = gunzipSync(Buffer.from(await archive.arrayBuffer())).toString('latin1');
  for (const words of ['iptables.txt', ':FORWARD DROP', `${gateway}/24`, dual.address, 'health.json', 'haproxy']) {
    t.true(tar.includes(words), words);
  }
  for (const secret of [userData, 'PRIVATE KEY-----\n', 'could not be read', 'not found', 'No such file']) {
    t.false(tar.includes(secret), secret);
  }
});

test.serial('every byte of a public address is counted once, and all of it outlives a reboot', async (t) => {
  t.timeout(600_000);
  const before = await usageOf(cloud.admin, tenant, own.id);
  await pingLong(client(), own.address, 10);
  const counted = { sent: before.sent + 10 * pingBytes, received: before.received + 10 * pingBytes };
  t.deepEqual(await usageOf(cloud.admin, tenant, own.id), counted);
  t.deepEqual(await usageOf(cloud.admin, tenant, own.id), counted, 'read again, nothing is counted twice');

  await cloud.admin.run('rebootRouter', { id: text(await tenant.router(), 'id') });
  const answers = () => answererOf(client(), `http://${ip.address}:8003/`, { timeoutMs: 2000 });
  t.true(both().includes(await waitFor('the load balancer', answers, 180_000)));
  const seen = await tlsOf(client(), ip.address, 443, 'shop.example', ['-CAfile', tls.authorityPath]);
  t.like(seen, { subject: 'CN=shop.example', verified: true });
  t.is(await read(one, `http://${linkLocal}/latest/user-data`), userData);
  t.is(await passwordOf(one), 'saved_password', 'not a second time');
  t.true(await isReached(cloud, dual, outside.friend));
  t.deepEqual(await usageOf(cloud.admin, tenant, own.id), counted, 'of what passed before it');
  await pingLong(client(), own.address, 5);
  const more = { sent: counted.sent + 5 * pingBytes, received: counted.received + 5 * pingBytes };
  t.deepEqual(await usageOf(cloud.admin, tenant, own.id), more);
});

test.serial('with all of it the router finds itself well', async (t) => {
  const routerid = text(await tenant.router(), 'id');
  const fresh = async () => {
    const values = { routerid, performfreshchecks: true };
    const found = objectIn(await cloud.admin.run('getRouterHealthCheckResults', values), 'routerhealthchecks');
    return objectsIn(found, 'healthchecks');
  };
  const illOf = (results: readonly ApiObject[]) =>
    results.filter(({ status }) => status !== 'SUCCESS').map((each) => JSON.stringify(each));
  // A load balancer takes a moment after its start until it has asked its members.
  await waitFor('every check succeeds', async () => illOf(await fresh()).length === 0, 90_000).catch(() => null);
  const results = await fresh();
  t.deepEqual(illOf(results), []);
  for (const { checkname, details } of results) t.log(`${String(checkname)}: ${String(details)}`);
});
