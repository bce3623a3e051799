// An account goes with everything that it owns, also what others still name.
import test from 'ava';
import { addTenant, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi();
});
test.after.always(() => api?.close());

test('an account is deleted whose user data a template names, and the template stays without it', async (t) => {
  const { client, accountId } = await addTenant(api);
  const { templateId: templateid } = api;
  const userdata = Buffer.from('#cloud-config').toString('base64');
  const registered = inside(await client.call('registerUserData', { name: 'shared', userdata }));
  await api.admin.call('linkUserDataToTemplate', { templateid, userdataid: String(registered.id) });
  const linked = () => api.admin.list('listTemplates', { templatefilter: 'all', id: templateid });
  t.is((await linked())[0]?.userdataname, 'shared');
  t.deepEqual(await api.admin.run('deleteAccount', { id: accountId }), { success: true });
  const [template] = await linked();
  t.truthy(template);
  t.is(template?.userdataname, undefined);
});
