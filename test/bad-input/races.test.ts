// Fifty of the same call at once: one wins, or each gets its own; nothing is given twice, nothing is left half made.
import type { ApiClient, ApiValues } from '@isthmus/api-client';
import test, { type ExecutionContext } from 'ava';
import { sql } from 'kysely';
import { outcome } from './refusal.ts';
import { startWorld, type World } from './world.ts';

let world: World;
test.before(async () => {
  world = await startWorld();
});
test.after.always(() => world?.close());

const callers = 50;
/** A password takes a tenth of a second of a core. */
const withPassword = 15;

interface Crowd {
  readonly done: readonly Readonly<Record<string, unknown>>[];
  /** How often each error code came. */
  readonly codes: Readonly<Record<string, number>>;
}

async function crowd(client: ApiClient, command: string, values: () => ApiValues, length = callers): Promise<Crowd> {
  const ends = await Promise.all(Array.from({ length }, () => outcome(client, command, values())));
  const codes: Record<string, number> = {};
  for (const { code } of ends) codes[code] = (codes[code] ?? 0) + 1;
  return { codes, done: ends.flatMap(({ code, text }) => (code === 0 ? [JSON.parse(text)] : [])) };
}

function tally(t: ExecutionContext, { codes }: Crowd, expected: Record<string, number>): void {
  t.deepEqual(codes, expected);
}

async function count(query: ReturnType<typeof sql<{ count: string }>>): Promise<number> {
  const { rows } = await query.execute(world.db);
  return Number(rows[0]?.count);
}

test.serial('of fifty equal forwards one is, with one firewall rule', async (t) => {
  const own = world.belongings.owner;
  const values = {
    ipaddressid: own.public_ip_address,
    virtualmachineid: own.virtual_machine,
    protocol: 'udp',
    publicport: 4000,
    privateport: 4000,
  };
  tally(t, await crowd(world.callers.owner, 'createPortForwardingRule', () => values), { 0: 1, 537: callers - 1 });
  const { public_ip_address: id } = own;
  t.is(
    await count(sql`select count(*) from port_forwarding_rule where public_ip_address_id = ${id} and protocol = 'udp'`),
    1,
  );
  t.is(await count(sql`select count(*) from firewall_rule where public_ip_address_id = ${id} and protocol = 'udp'`), 1);
});

test.serial('of fifty equal firewall rules one is, of fifty egress rules too', async (t) => {
  const { public_ip_address: ipaddressid, network: networkid } = world.belongings.owner;
  const ports = { protocol: 'tcp', startport: 700, endport: 800 };
  const { owner } = world.callers;
  tally(t, await crowd(owner, 'createFirewallRule', () => ({ ipaddressid, ...ports })), { 0: 1, 537: callers - 1 });
  tally(t, await crowd(owner, 'createEgressFirewallRule', () => ({ networkid, ...ports })), { 0: 1, 537: callers - 1 });
});

test.serial('of fifteen users and accounts of one name, and of fifty domains, one is', async (t) => {
  const person = { email: 'a@b', firstname: 'a', lastname: 'b', password: 'p', username: 'twin' };
  const { city } = world.domains;
  const user = { ...person, account: 'owner', domainid: city };
  tally(t, await crowd(world.admin, 'createUser', () => user, withPassword), { 0: 1, 431: withPassword - 1 });
  const account = { ...person, username: 'other', account: 'twins', accounttype: 0, domainid: city };
  tally(t, await crowd(world.admin, 'createAccount', () => account, withPassword), { 0: 1, 431: withPassword - 1 });
  const domain = { name: 'twin', parentdomainid: city };
  tally(t, await crowd(world.admin, 'createDomain', () => domain), { 0: 1, 431: callers - 1 });
  t.is(await count(sql`select count(*) from cloud_user where username in ('twin', 'other')`), 2);
});

test.serial('of fifty equal zones, pods, clusters, offerings and public ranges one is', async (t) => {
  const dns = { dns1: '192.0.2.1', internaldns1: '192.0.2.1' };
  const zoneid = world.zoneId;
  const podid = world.common.pod;
  const cluster = { zoneid, podid, clustername: 'twin', clustertype: 'CloudManaged', hypervisor: 'KVM' };
  const offering = { name: 'twin', traffictype: 'GUEST', guestiptype: 'Isolated', supportedservices: 'Dhcp' };
  const pod = { zoneid, name: 'twin', gateway: '192.0.3.1', netmask: '255.255.255.0', startip: '192.0.3.9' };
  const range = {
    zoneid,
    gateway: '198.18.0.1',
    netmask: '255.255.255.0',
    startip: '198.18.0.9',
    endip: '198.18.0.12',
  };
  const one = { 0: 1, 431: callers - 1 };
  const { admin } = world;
  tally(t, await crowd(admin, 'createZone', () => ({ name: 'twin', networktype: 'Advanced', ...dns })), one);
  tally(t, await crowd(admin, 'createPod', () => pod), one);
  tally(t, await crowd(admin, 'addCluster', () => cluster), one);
  tally(t, await crowd(admin, 'createNetworkOffering', () => offering), one);
  tally(t, await crowd(admin, 'createPhysicalNetwork', () => ({ zoneid, name: 'twin' })), one);
  tally(t, await crowd(admin, 'createVlanIpRange', () => range), one);
  t.is(await count(sql`select count(*) from public_ip_address where address::text like '198.18.0.%'`), 4);
});

test.serial('fifty addresses at once are all different, and one asked for is given once', async (t) => {
  const { network: networkid } = world.belongings.stranger;
  const free = await count(sql`select count(*) from public_ip_address where state = 'Free'`);
  t.true(free > 4);
  const wanted = await sql<{ address: string }>`select address::text from public_ip_address
    where state = 'Free' order by address_number desc limit 1`.execute(world.db);
  const ipaddress = wanted.rows[0]?.address ?? '';
  const asked = await crowd(world.callers.stranger, 'associateIpAddress', () => ({ networkid, ipaddress }));
  tally(t, asked, { 0: 1, 533: callers - 1 });
  const all = await crowd(world.callers.stranger, 'associateIpAddress', () => ({ networkid }));
  const given = Math.min(callers, free - 1);
  t.is(all.done.length, given);
  const addresses = await sql<{ address: string }>`select address::text from public_ip_address
    where network_id = ${networkid}`.execute(world.db);
  t.is(new Set(addresses.rows.map(({ address }) => address)).size, addresses.rows.length);
  t.is(await count(sql`select count(*) from public_ip_address where network_id = ${networkid} and is_source_nat`), 1);
});

test.serial('fifty first addresses of a network make one source NAT address', async (t) => {
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = world;
  const { neighbour } = world.callers;
  const answer = await neighbour.call('createNetwork', { name: 'fresh', zoneid, networkofferingid });
  const networkid = (answer.network as { id: string }).id;
  const { admin } = world;
  const range = {
    zoneid,
    gateway: '198.19.0.1',
    netmask: '255.255.255.0',
    startip: '198.19.0.2',
    endip: '198.19.0.99',
  };
  await admin.call('createVlanIpRange', range);
  tally(t, await crowd(neighbour, 'associateIpAddress', () => ({ networkid })), { 0: callers });
  t.is(await count(sql`select count(*) from public_ip_address where network_id = ${networkid} and is_source_nat`), 1);
});

test.serial('of fifty instances of one name one is; fifty without share no address and no MAC address', async (t) => {
  const values = {
    zoneid: world.zoneId,
    serviceofferingid: world.serviceOfferingId,
    templateid: world.templateId,
    networkids: world.belongings.neighbour.network,
  };
  const { neighbour } = world.callers;
  tally(t, await crowd(neighbour, 'deployVirtualMachine', () => ({ ...values, name: 'twin' })), {
    0: 1,
    431: callers - 1,
  });
  tally(t, await crowd(neighbour, 'deployVirtualMachine', () => values), { 0: callers });
  const { network } = world.belongings.neighbour;
  const nics = await sql<{ address: string; mac_address: string }>`select address::text, mac_address::text from nic
    where network_id = ${network}`.execute(world.db);
  t.is(nics.rows.length, callers + 2);
  t.is(new Set(nics.rows.map(({ address }) => address)).size, nics.rows.length);
  t.is(new Set(nics.rows.map(({ mac_address }) => mac_address)).size, nics.rows.length);
  t.is(
    await count(sql`select count(*) from virtual_machine vm where not exists
    (select 1 from nic where nic.virtual_machine_id = vm.id)`),
    0,
  );
});

test.serial('a release, a forward and a static NAT at once leave one of them, never two', async (t) => {
  const { owner } = world.callers;
  const own = world.belongings.owner;
  for (let round = 0; round < 5; round += 1) {
    const acquired = await outcome(owner, 'associateIpAddress', { networkid: own.network });
    t.is(acquired.code, 0, acquired.text);
    const ipaddressid = JSON.parse(acquired.text).ipaddress.id as string;
    const both = { ipaddressid, virtualmachineid: own.virtual_machine };
    const ports = { protocol: 'tcp', publicport: 5000, privateport: 5000 };
    const ends = await Promise.all([
      outcome(owner, 'enableStaticNat', both),
      outcome(owner, 'createPortForwardingRule', { ...both, ...ports }),
      outcome(owner, 'enableStaticNat', both),
      outcome(owner, 'createPortForwardingRule', { ...both, ...ports }),
    ]);
    for (const { code, text } of ends) t.true([0, 431, 537].includes(code), `${code} ${text}`);
    const nats = await count(
      sql`select count(*) from public_ip_address where id = ${ipaddressid} and static_nat_nic_id is not null`,
    );
    const forwards = await count(
      sql`select count(*) from port_forwarding_rule where public_ip_address_id = ${ipaddressid}`,
    );
    t.is(nats + forwards, 1, `${nats} static NAT and ${forwards} forwards`);
    const gone = await Promise.all(
      Array.from({ length: 5 }, () => outcome(owner, 'disassociateIpAddress', { id: ipaddressid })),
    );
    t.true(gone.some(({ code }) => code === 0));
    t.is(await count(sql`select count(*) from public_ip_address where id = ${ipaddressid} and state <> 'Free'`), 0);
  }
});

test.serial('a network deleted while instances come has either no instance or stays', async (t) => {
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = world;
  const { stranger } = world.callers;
  const answer = await stranger.call('createNetwork', { name: 'brief', zoneid, networkofferingid });
  const id = (answer.network as { id: string }).id;
  const machine = { zoneid, serviceofferingid: world.serviceOfferingId, templateid: world.templateId, networkids: id };
  const ends = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      index % 2 === 0 ? outcome(stranger, 'deployVirtualMachine', machine) : outcome(stranger, 'deleteNetwork', { id }),
    ),
  );
  for (const { code, text } of ends) t.true([0, 431, 536].includes(code), `${code} ${text}`);
  const networks = await count(sql`select count(*) from network where id = ${id}`);
  const nics = await count(sql`select count(*) from nic where network_id = ${id}`);
  const deployed = ends.filter(({ code }, index) => code === 0 && index % 2 === 0).length;
  t.is(nics, deployed);
  t.is(networks, deployed > 0 ? 1 : 0);
});
