import { ApiCallError } from '@isthmus/api-client';
import test from 'ava';
import { addTenant, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(12);
});
test.after.always(() => api?.close());

test('a reserved address is for its account alone, and for who asks for it by name', async (t) => {
  const owner = await addTenant(api);
  const other = await addTenant(api);
  const ipaddress = '203.0.113.17';
  const [free] = await api.admin.list('listPublicIpAddresses', { ipaddress, allocatedonly: false, listall: true });
  const { name: account } = await api.db
    .selectFrom('account')
    .select('name')
    .where('id', '=', owner.accountId)
    .executeTakeFirstOrThrow();
  const reserve = () => api.admin.run('reserveIpAddress', { id: String(free?.id), account });
  t.like(inside(await reserve()), { state: 'Reserved', account });
  await t.throwsAsync(reserve(), { message: /in state Reserved/ });
  const acquire = ({ client, networkId: networkid }: typeof owner) =>
    client.run('associateIpAddress', { networkid, ipaddress });
  const error = await t.throwsAsync(acquire(other), { instanceOf: ApiCallError });
  t.is(error.errorcode, 533);
  t.like(inside(await acquire(owner)), { ipaddress, state: 'Allocated' });
  await t.throwsAsync(api.admin.run('releaseIpAddress', { id: String(free?.id) }), { message: /Reserved/ });
});
