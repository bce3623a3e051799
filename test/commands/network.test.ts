import { ApiCallError } from '@isthmus/api-client';
import test from 'ava';
import { addTenant, deploy, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi();
});
test.after.always(() => api?.close());

test('a network has the CIDR of its zone, or that of its gateway and netmask', async (t) => {
  const { client } = await api.account('cidrs');
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = api;
  const first = inside(await client.run('createNetwork', { name: 'one', zoneid, networkofferingid }));
  t.like(first, {
    name: 'one',
    displaytext: 'one',
    cidr: '10.1.1.0/24',
    gateway: '10.1.1.1',
    netmask: '255.255.255.0',
    state: 'Allocated',
    type: 'Isolated',
    account: 'cidrs',
    zonename: 'zone1',
    networkofferingname: 'DefaultIsolatedNetworkOfferingWithSourceNatService',
    egressdefaultpolicy: 'Deny',
    publicmtu: 1500,
    restartrequired: false,
    ispersistent: false,
    tags: [],
  });
  t.is(first.vlan, undefined);
  const second = inside(
    await client.run('createNetwork', {
      name: 'two',
      zoneid,
      networkofferingid,
      gateway: '192.168.7.254',
      netmask: '255.255.255.0',
    }),
  );
  t.is(second.cidr, '192.168.7.0/24');
  const listed = await client.list('listNetworks', { supportedservices: 'Dns,SourceNat' });
  t.deepEqual(
    listed.map(({ name }) => name),
    ['one', 'two'],
  );
  t.deepEqual(await client.list('listNetworks', { forvpc: true }), []);
});

test('another account sees neither the network nor may it name it', async (t) => {
  const tenant = await addTenant(api);
  const { client } = await api.account('stranger');
  t.deepEqual(await client.list('listNetworks', { listall: true }), []);
  const calls = [
    ['deleteNetwork', { id: tenant.networkId }],
    ['restartNetwork', { id: tenant.networkId }],
    ['associateIpAddress', { networkid: tenant.networkId }],
    ['createEgressFirewallRule', { networkid: tenant.networkId, protocol: 'all' }],
    ['createFirewallRule', { ipaddressid: tenant.addressId, protocol: 'tcp' }],
    ['enableStaticNat', { ipaddressid: tenant.addressId, virtualmachineid: tenant.machineId }],
    ['stopVirtualMachine', { id: tenant.machineId }],
    ['listNics', { virtualmachineid: tenant.machineId }],
  ] as const;
  for (const [command, values] of calls) {
    const error = await t.throwsAsync(client.run(command, values), { instanceOf: ApiCallError }, command);
    t.is(error.errorcode, 531, command);
  }
});

test('a network with instances is not deleted; without it goes with its addresses', async (t) => {
  const { client, networkId, machineId, addressId } = await addTenant(api);
  const error = await t.throwsAsync(client.run('deleteNetwork', { id: networkId }), { instanceOf: ApiCallError });
  t.is(error.errorcode, 536);
  await client.run('destroyVirtualMachine', { id: machineId, expunge: true });
  t.deepEqual(await client.run('deleteNetwork', { id: networkId }), { success: true });
  t.deepEqual(await client.list('listNetworks'), []);
  t.deepEqual(await client.list('listPublicIpAddresses', { ipaddress: '203.0.113.9' }), []);
  const row = await api.db
    .selectFrom('public_ip_address')
    .select('state')
    .where('id', '=', addressId)
    .executeTakeFirstOrThrow();
  t.is(row.state, 'Free');
});

test('updateNetwork changes what it names and no more', async (t) => {
  const { client, networkId } = await addTenant(api);
  const values = { id: networkId, displaytext: 'Büro', networkdomain: 'Example.ORG' };
  t.like(inside(await client.run('updateNetwork', values)), { displaytext: 'Büro', networkdomain: 'example.org' });
});

test('restartNetwork needs an implemented network', async (t) => {
  const { client } = await api.account('restarter');
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = api;
  const { id } = inside(await client.run('createNetwork', { name: 'idle', zoneid, networkofferingid }));
  const error = await t.throwsAsync(client.run('restartNetwork', { id: String(id) }), { instanceOf: ApiCallError });
  t.is(error.errorcode, 431);
  t.regex(error.message, /state Allocated: expected state Implemented/);
  const tenant = await addTenant(api);
  t.deepEqual(await tenant.client.run('restartNetwork', { id: tenant.networkId, cleanup: true }), { success: true });
});

test('an account without a network gets one with its first instance', async (t) => {
  const account = await api.account('newcomer');
  const machine = inside(await deploy(api, account));
  t.is(machine.state, 'Running');
  const [network] = await account.client.list('listNetworks');
  t.like(network, { name: 'newcomer-network', state: 'Implemented' });
});

test('a persistent network is implemented before createNetwork answers, or not made', async (t) => {
  const { client } = await api.account('persister');
  const offering = await api.db
    .selectFrom('network_offering')
    .selectAll()
    .where('id', '=', api.networkOfferingId)
    .executeTakeFirstOrThrow();
  const { id: _id, created: _created, ...like } = offering;
  const { id: networkofferingid } = await api.db
    .insertInto('network_offering')
    .values({
      ...like,
      name: 'persistent',
      is_persistent: true,
      services: JSON.stringify(like.services),
      domain_ids: '[]',
      zone_ids: '[]',
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const values = { zoneid: api.zoneId, networkofferingid };
  const { id } = inside(await client.call('createNetwork', { ...values, name: 'lucky' }));
  t.like((await client.list('listNetworks'))[0], { id, state: 'Implemented', ispersistent: true });
  const error = await t.throwsAsync(client.call('createNetwork', { ...values, name: 'unlucky' }), {
    instanceOf: ApiCallError,
  });
  t.is(error.errorcode, 533);
  t.is((await client.list('listNetworks')).length, 1);
});
