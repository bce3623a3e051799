// Instances listed by what they were given to read.
import test from 'ava';
import { addTenant, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi();
});
test.after.always(() => api?.close());

test('instances are listed by key pair and by user data', async (t) => {
  const { client, networkId } = await addTenant(api);
  await client.call('createSSHKeyPair', { name: 'laptop' });
  const kept = inside(await client.call('registerUserData', { name: 'base', userdata: 'c2FtcGxl' }));
  const { zoneId: zoneid, serviceOfferingId: serviceofferingid, templateId: templateid } = api;
  const wish = { zoneid, serviceofferingid, templateid, networkids: networkId };
  const deployed = { ...wish, name: 'read', keypair: 'laptop', userdataid: String(kept.id) };
  const { id } = inside(await client.run('deployVirtualMachine', deployed));
  const ids = async (values: Record<string, string>) =>
    (await client.list('listVirtualMachines', values)).map((row) => row.id);
  t.is((await ids({})).length, 2);
  t.deepEqual(await ids({ keypair: 'laptop' }), [id]);
  t.deepEqual(await ids({ keypair: 'other' }), []);
  t.deepEqual(await ids({ userdataid: String(kept.id) }), [id]);
});
