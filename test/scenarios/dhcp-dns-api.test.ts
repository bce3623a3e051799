// DHCP and DNS as tenants ask for them by the API, seen by real clients in their instances.
import type { ApiObject, ApiValues } from '@isthmus/api-client';
import { namespaceName } from '@isthmus/host-agent';
import test from 'ava';
import { type Cloud, createCloud, type Instance, objectIn, objectsIn, only, type Tenant, text } from '../lab/cloud.ts';
import { dig, internet, waitFor } from '../lab/index.ts';
import { askForLease, type LeaseWishes, renewLeases } from '../lab/lease.ts';

let cloud: Cloud;

test.before(async () => {
  cloud = await createCloud();
});
test.after.always(() => cloud?.teardown());

const lease = ({ host }: Instance, wishes?: LeaseWishes) => askForLease(host, wishes);
const hex = (words: string) => Buffer.from(words).toString('hex');
const defaultGateway = '10.1.1.1';

/** A second network of a tenant's, `10.9.N.0/24`. */
async function secondNetwork(tenant: Tenant, number: number, values: ApiValues = {}): Promise<ApiObject> {
  const [first] = await tenant.client.list('listNetworks', { id: tenant.networkId });
  const made = await tenant.client.run('createNetwork', {
    name: `${tenant.name}-second`,
    zoneid: cloud.zoneId,
    networkofferingid: String(first?.networkofferingid),
    gateway: `10.9.${number}.1`,
    netmask: '255.255.255.0',
    ...values,
  });
  return objectIn(made, 'network');
}

const update = async (tenant: Tenant, values: ApiValues) =>
  objectIn(await tenant.client.run('updateNetwork', { id: tenant.networkId, ...values }), 'network');

/** `extradhcpoption` of the NIC of an instance in a network, as `listVirtualMachines` tells. */
async function shownOptions(tenant: Tenant, id: string, networkId: string): Promise<Record<string, unknown>> {
  const machine = only('instance', await tenant.client.list('listVirtualMachines', { id }));
  const nic = only(
    'NIC',
    objectsIn(machine, 'nic').filter(({ networkid }) => networkid === networkId),
  );
  return Object.fromEntries(objectsIn(nic, 'extradhcpoption').map(({ codename, value }) => [codename, value]));
}

test('options of a NIC reach its client byte for byte, when it is deployed, changed and plugged in', async (t) => {
  const tenant = await cloud.tenant('options');
  const portal = 'https://portal.example.org/api?a=b,c';
  const networkid = tenant.networkId;
  const web = await tenant.deploy('web', {
    dhcpoptionsnetworklist: [
      { networkid, 'dhcp:114': portal, 'dhcp:42': '10.1.1.9,10.1.1.10' },
      { networkid, 'dhcp:224': '0x00ff10', 'dhcp:225': 'one "two", three\\ !' },
    ],
  });
  const neighbour = await tenant.deploy('neighbour');
  const codes = [114, 224, 225, 226];
  const first = await lease(web, { codes, names: ['ntpsrv'] });
  t.like(first, { ip: web.address, opt114: hex(portal), opt224: '00ff10', opt225: hex('one "two", three\\ !') });
  t.is(first.ntpsrv, '10.1.1.9 10.1.1.10');
  t.deepEqual(await shownOptions(tenant, web.id, networkid), {
    'dhcp:42': '10.1.1.9,10.1.1.10',
    'dhcp:114': portal,
    'dhcp:224': '0x00ff10',
    'dhcp:225': 'one "two", three\\ !',
  });
  const other = await lease(neighbour, { codes });
  t.deepEqual(
    codes.filter((code) => other[`opt${code}`] !== undefined),
    [],
    'a NIC has its own options alone',
  );

  await tenant.client.run('updateVirtualMachine', {
    id: web.id,
    dhcpoptionsnetworklist: [{ networkid, 'dhcp:226': 'another' }],
  });
  const changed = await lease(web, { codes, names: ['ntpsrv'] });
  t.is(changed.opt226, hex('another'));
  t.deepEqual([changed.opt114, changed.opt224, changed.ntpsrv], [undefined, undefined, undefined]);
  t.deepEqual(await shownOptions(tenant, web.id, networkid), { 'dhcp:226': 'another' });
  await tenant.client.run('updateVirtualMachine', { id: web.id, dhcpoptionsnetworklist: [{ networkid }] });
  t.is((await lease(web, { codes })).opt226, undefined);
  t.deepEqual(await shownOptions(tenant, web.id, networkid), {});

  const second = text(await secondNetwork(tenant, 1), 'id');
  const values = { virtualmachineid: web.id, networkid: second, dhcpoptions: [{ 'dhcp:224': '0xabcd' }] };
  await tenant.client.run('addNicToVirtualMachine', values);
  t.deepEqual(await shownOptions(tenant, web.id, second), { 'dhcp:224': '0xabcd' });
  const plugged = await lease(web, { nic: 'eth1', codes });
  t.like(plugged, { opt224: 'abcd', subnet: '255.255.255.0' });
  t.is(plugged.router, undefined, 'the lease of a further NIC names no router');
});

test('options of a network are in every lease, below those of a NIC, and change while it runs', async (t) => {
  const tenant = await cloud.tenant('network', {
    network: { dhcpoptions: [{ 'dhcp:224': '0x01' }, { 'dhcp:225': 'all' }] },
  });
  const shown = async () =>
    objectsIn(only('network', await tenant.client.list('listNetworks', { id: tenant.networkId })), 'extradhcpoption');
  t.deepEqual(await shown(), [
    { code: 224, codename: 'dhcp:224', value: '0x01' },
    { code: 225, codename: 'dhcp:225', value: 'all' },
  ]);
  const own = await tenant.deploy('own', {
    dhcpoptionsnetworklist: [{ networkid: tenant.networkId, 'dhcp:225': 'mine' }],
  });
  const plain = await tenant.deploy('plain');
  const codes = [224, 225];
  t.like(await lease(own, { codes }), { opt224: '01', opt225: hex('mine') });
  t.like(await lease(plain, { codes }), { opt224: '01', opt225: hex('all') });
  const updated = await update(tenant, { dhcpoptions: [{ 'dhcp:224': '0x02' }] });
  t.deepEqual(objectsIn(updated, 'extradhcpoption'), [{ code: 224, codename: 'dhcp:224', value: '0x02' }]);
  t.like(await lease(own, { codes }), { opt224: '02', opt225: hex('mine') });
  const changed = await lease(plain, { codes });
  t.deepEqual([changed.opt224, changed.opt225], ['02', undefined]);
  await update(tenant, { displaytext: 'says nothing of options' });
  t.is((await shown()).length, 1);
  await update(tenant, { dhcpoptions: '[]' });
  t.deepEqual(await shown(), []);
  t.is((await lease(plain, { codes })).opt224, undefined);
});

/** The search list and resolvers that an instance has. */
async function resolvConf(id: string): Promise<string> {
  const namespace = namespaceName(cloud.lab.installation, 'i', id);
  return (await cloud.lab.machine.files.readTextIfExists(`/etc/netns/${namespace}/resolv.conf`)) ?? '';
}

test('a network of another domain and MTU while it runs: leases say it when renewed, and names are in it alone', async (t) => {
  const tenant = await cloud.tenant('live', { network: { networkdomain: 'old.example' } });
  const [web, db] = await Promise.all([tenant.deploy('web'), tenant.deploy('db')]);
  const ask = (name: string, type?: string) => dig(web.host, defaultGateway, name, type);
  t.deepEqual(await ask('db.old.example'), [db.address]);
  t.is((await lease(web, { names: ['mtu'] })).mtu, undefined);

  t.like(await update(tenant, { networkdomain: 'new.example', privatemtu: 1400 }), {
    networkdomain: 'new.example',
    privatemtu: 1400,
  });
  t.deepEqual(await ask('db.new.example'), [db.address]);
  t.deepEqual(await ask('db.old.example'), []);
  t.deepEqual(await ask(db.address, 'PTR'), ['db.new.example.']);
  t.like(await lease(web, { names: ['mtu', 'hostname'] }), {
    domain: 'new.example',
    mtu: '1400',
    hostname: 'web',
  });
  await renewLeases(cloud.lab, web.id);
  await waitFor('the renewed search list', async () => (await resolvConf(web.id)).includes('search new.example\n'));
  const { stdout } = await web.host.commands.run('ip', ['-oneline', 'link', 'show', 'dev', 'eth0']);
  t.regex(stdout, / mtu 1400 /);
  await update(tenant, { privatemtu: 1500 });
  t.is((await lease(web, { names: ['mtu'] })).mtu, undefined);
});

/** A resolver of the internet that answers every name with an address of its own; answers with its own address. */
async function furtherResolver(answer: string): Promise<string> {
  const [address] = internet.clients;
  const args = ['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--bind-interfaces', '--no-resolv'];
  const own = ['--no-hosts', `--address=/#/${answer}`, `--listen-address=${address}`];
  await cloud.lab.startDaemon(cloud.lab.internet, 'dnsmasq', [...args, ...own]);
  await waitFor('the resolver', async () => (await dig(cloud.lab.internet, address, 'any.example')).includes(answer));
  return address;
}

test.serial(
  "a network's own resolvers are asked, are changed while it runs, and are what guests are told of",
  async (t) => {
    const further = await furtherResolver('192.0.2.80');
    const tenant = await cloud.tenant('resolver', { network: { dns1: further, dns2: internet.dns } });
    const network = only('network', await tenant.client.list('listNetworks', { id: tenant.networkId }));
    t.like(network, { dns1: further, dns2: internet.dns });
    const web = await tenant.deploy('web');
    const ask = () => dig(web.host, defaultGateway, 'www.example.org');
    t.deepEqual(await ask(), ['192.0.2.80']);
    t.is((await lease(web)).dns, defaultGateway);
    await cloud.configure('use.external.dns', 'true');
    await waitFor('the resolvers', async () => (await lease(web)).dns === `${further} ${internet.dns}`);
    t.deepEqual(await ask(), ['192.0.2.80'], 'the router goes on answering');
    t.like(await update(tenant, { dns1: internet.dns, dns2: further }), { dns1: internet.dns, dns2: further });
    t.deepEqual(await ask(), [internet.server]);
    t.is((await lease(web)).dns, `${internet.dns} ${further}`);
    const other = await (await cloud.tenant('ofzone')).deploy('web');
    t.is((await lease(other)).dns, internet.dns, "the zone's, where the network has none");
    await cloud.configure('use.external.dns', 'false');
    for (const each of [web, other]) {
      await waitFor('the router', async () => (await lease(each)).dns === defaultGateway);
    }
  },
);

test('an instance in two networks is named in each with its address there, and has one way out', async (t) => {
  const tenant = await cloud.tenant('two', { network: { networkdomain: 'one.example' } });
  const second = await secondNetwork(tenant, 2, { networkdomain: 'two.example' });
  const web = await tenant.deploy('web', { networkids: `${tenant.networkId},${text(second, 'id')}` });
  const nics = await tenant.client.list('listNics', { virtualmachineid: web.id });
  const address = (networkId: string) =>
    text(
      only(
        'NIC',
        nics.filter(({ networkid }) => networkid === networkId),
      ),
      'ipaddress',
    );
  const inSecond = address(text(second, 'id'));
  await waitFor('the second lease', async () => {
    const { stdout } = await web.host.commands.run('ip', ['-brief', 'address', 'show', 'dev', 'eth1']);
    return stdout.includes(` ${inSecond}/24`);
  });
  const answers = [
    [defaultGateway, 'one.example', address(tenant.networkId), inSecond],
    ['10.9.2.1', 'two.example', inSecond, address(tenant.networkId)],
  ] as const;
  for (const [router, domain, own, elsewhere] of answers) {
    t.deepEqual(await dig(web.host, router, `web.${domain}`), [own]);
    t.deepEqual(await dig(web.host, router, own, 'PTR'), [`web.${domain}.`]);
    t.deepEqual(await dig(web.host, router, elsewhere, 'PTR'), [], `${domain} does not know ${elsewhere}`);
  }
  const { stdout } = await web.host.commands.run('ip', ['route', 'show', 'default']);
  t.regex(stdout, /^default via 10\.1\.1\.1 dev eth0[^\n]*\n$/);
});

test("a destroyed instance's address is the next one's at once, and no lease of it is left", async (t) => {
  const tenant = await cloud.tenant('released', { network: { networkdomain: 'released.example' } });
  const leases = async () => JSON.stringify(await (await cloud.routerAgent(text(await tenant.router(), 'id'))).state());
  const [first] = await Promise.all([tenant.deploy('first', { ipaddress: '10.1.1.50' }), tenant.deploy('other')]);
  t.true((await leases()).includes(first.macAddress));
  await tenant.client.run('destroyVirtualMachine', { id: first.id, expunge: true });
  const second = await tenant.deploy('second', { ipaddress: first.address });
  t.is(second.address, first.address);
  t.not(second.macAddress, first.macAddress);
  const held = await leases();
  t.deepEqual([held.includes(first.macAddress), held.includes(second.macAddress)], [false, true]);
  t.deepEqual(await dig(second.host, defaultGateway, second.address, 'PTR'), ['second.released.example.']);
  t.deepEqual(await dig(second.host, defaultGateway, 'first.released.example'), []);
  await tenant.client.run('destroyVirtualMachine', { id: second.id, expunge: true });
  await waitFor('the lease is released', async () => !(await leases()).includes(second.macAddress));
});
