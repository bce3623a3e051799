import type { ApiValues } from '@isthmus/api-client';
import test from 'ava';
import { addTenant, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(60);
});
test.after.always(() => api?.close());

const tag = (key: string, value: string, index = 0): ApiValues => ({
  [`tags[${index}].key`]: key,
  [`tags[${index}].value`]: value,
});

test('a tag is shown with its resource, filters lists, and goes with it', async (t) => {
  const { client, networkId, machineId, addressId } = await addTenant(api);
  const forwarded = { ipaddressid: addressId, virtualmachineid: machineId, protocol: 'tcp' };
  const rule = inside(await client.run('createPortForwardingRule', { ...forwarded, publicport: 80, privateport: 80 }));
  const ofRule = { resourcetype: 'PortForwardingRule', resourceids: String(rule.id) };
  await client.run('createTags', { ...ofRule, ...tag('tier', 'web'), ...tag('owner', 'Ann', 1) });
  await client.run('createTags', { resourcetype: 'Network', resourceids: networkId, ...tag('tier', 'web') });
  const [shown] = await client.list('listPortForwardingRules', {});
  t.deepEqual(
    ((shown?.tags ?? []) as { key: string; value: string }[]).map(({ key, value }) => `${key}=${value}`),
    ['owner=Ann', 'tier=web'],
  );
  const count = async (command: string, values: ApiValues) => (await client.list(command, values)).length;
  t.is(await count('listPortForwardingRules', tag('tier', 'web')), 1);
  t.is(await count('listPortForwardingRules', { ...tag('tier', 'web'), ...tag('owner', 'Bob', 1) }), 0);
  t.is(await count('listNetworks', tag('tier', 'web')), 1);
  t.is(await count('listNetworks', tag('tier', 'db')), 0);
  t.is(await count('listNetworks', { tags: 'None' }), 1, 'as clients write it');
  t.is(await count('listTags', { key: 'tier' }), 2);
  t.is(await count('listTags', { resourceid: networkId }), 1);
  await client.run('deletePortForwardingRule', { id: String(rule.id) });
  t.is(await count('listTags', { resourcetype: 'PortForwardingRule' }), 0);
  await client.run('deleteTags', { resourcetype: 'Network', resourceids: networkId, ...tag('tier', 'web') });
  t.is(await count('listTags', {}), 0);
});

test('tags that cannot be are refused, and none of the call is made', async (t) => {
  const { client, networkId, machineId } = await addTenant(api);
  const other = await addTenant(api);
  const network = { resourcetype: 'Network', resourceids: networkId };
  const refused = async (values: ApiValues, words: RegExp, command = 'createTags') => {
    await t.throwsAsync(client.run(command, values), { message: words }, JSON.stringify(values));
  };
  await client.run('createTags', { ...network, ...tag('once', 'x') });
  await refused({ ...network, ...tag('new', 'y'), ...tag('once', 'y', 1) }, /tags\[1\]\.key/);
  await refused({ ...network, ...tag('a', 'b'), ...tag('a', 'c', 1) }, /each key once/);
  await refused({ ...network, ...tag('', 'b') }, /tags\[0\]\.key/);
  await refused({ ...network, ...tag('a', 'b'.repeat(256)) }, /tags\[0\]\.value/);
  await refused({ ...network, ...tag('a', 'line\nbreak') }, /tags/);
  await refused({ ...network, resourcetype: 'Moon', ...tag('a', 'b') }, /resourcetype/);
  await refused({ resourcetype: 'Network', resourceids: other.networkId, ...tag('a', 'b') }, /resourceids/);
  await refused({ resourcetype: 'Network', resourceids: machineId, ...tag('a', 'b') }, /resourceids/);
  await refused({ ...network, ...tag('absent', 'x') }, /tags\[0\]\.key/, 'deleteTags');
  await refused({ resourcetype: 'Network', resourceids: other.networkId }, /resourceids/, 'deleteTags');
  t.deepEqual(
    (await client.list('listTags', {})).map(({ key }) => key),
    ['once'],
  );
  t.deepEqual(await other.client.list('listTags', {}), []);
});
