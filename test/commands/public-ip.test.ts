import { ApiCallError } from '@isthmus/api-client';
import test from 'ava';
import { addTenant, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(12);
});
test.after.always(() => api?.close());

test.serial('the first address of a network is its source NAT address, there at once', async (t) => {
  const { client } = await api.account('first');
  const { zoneId: zoneid, networkOfferingId: networkofferingid } = api;
  const network = inside(await client.call('createNetwork', { name: 'n', zoneid, networkofferingid }));
  const answer = await client.call('associateIpAddress', { zoneid });
  const [address] = await client.list('listPublicIpAddresses');
  t.like(address, {
    id: answer.id,
    ipaddress: '203.0.113.10',
    issourcenat: true,
    isstaticnat: false,
    associatednetworkid: network.id,
    associatednetworkname: 'n',
    state: 'Allocated',
    zonename: 'zone1',
    account: 'first',
    hasrules: false,
    tags: [],
  });
  t.is(address?.vlanid, undefined);
  t.regex(String(address?.allocated), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000$/);
  const second = inside(await client.run('associateIpAddress', { networkid: String(network.id) }));
  t.is(second.issourcenat, false);
  // The network is not implemented: its source NAT address may go.
  t.deepEqual(await client.run('disassociateIpAddress', { ipaddress: '203.0.113.10' }), { success: true });
});

test.serial('an address is acquired by name, and taken only once', async (t) => {
  const { client, networkId: networkid } = await addTenant(api);
  const ipaddress = '203.0.113.20';
  t.like(inside(await client.run('associateIpAddress', { networkid, ipaddress })), { ipaddress });
  const error = await t.throwsAsync(client.run('associateIpAddress', { networkid, ipaddress }), {
    instanceOf: ApiCallError,
  });
  t.is(error.errorcode, 533);
});

test.serial('an account gets addresses of its own range first, and nobody else does', async (t) => {
  const owner = await addTenant(api);
  const other = await addTenant(api);
  const range = await api.db.selectFrom('vlan_ip_range').selectAll().executeTakeFirstOrThrow();
  const { id, created, ...like } = range;
  t.truthy(created);
  const { id: dedicated } = await api.db
    .insertInto('vlan_ip_range')
    .values({ ...like, account_id: owner.accountId })
    .returning('id')
    .executeTakeFirstOrThrow();
  await api.db
    .updateTable('public_ip_address')
    .set({ vlan_ip_range_id: dedicated })
    .where('address_number', '>=', String(203 * 2 ** 24 + 113 * 2 ** 8 + 21))
    .where('vlan_ip_range_id', '=', id)
    .execute();
  const own = inside(await owner.client.run('associateIpAddress', { networkid: owner.networkId }));
  t.is(own.ipaddress, '203.0.113.21');
  for (;;) {
    try {
      const { ipaddress } = inside(await other.client.run('associateIpAddress', { networkid: other.networkId }));
      t.not(ipaddress, '203.0.113.21');
    } catch (error) {
      t.true(error instanceof ApiCallError && error.errorcode === 533, String(error));
      break;
    }
  }
});
