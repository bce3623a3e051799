import { ApiCallError } from '@isthmus/api-client';
import test from 'ava';
import { addTenant, deploy, inside, startTenantApi, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
test.before(async () => {
  api = await startTenantApi(24);
});
test.after.always(() => api?.close());

/** Runs calls at once: what succeeded, and the codes of those that did not. */
async function atOnce(calls: readonly Promise<Readonly<Record<string, unknown>>>[]) {
  const settled = await Promise.allSettled(calls);
  const done = settled.flatMap((result) => (result.status === 'fulfilled' ? [inside(result.value)] : []));
  const codes = settled.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (result.reason instanceof ApiCallError) return [result.reason.errorcode];
    throw result.reason;
  });
  return { done, codes };
}

test.serial('of forwards of one port made at once exactly one is', async (t) => {
  const { client, addressId: ipaddressid, machineId: virtualmachineid } = await addTenant(api);
  const values = { ipaddressid, virtualmachineid, protocol: 'tcp', publicport: 80, privateport: 80 };
  const { done, codes } = await atOnce(
    Array.from({ length: 8 }, (_, index) =>
      client.run('createPortForwardingRule', {
        ...values,
        publicport: 80 - (index % 2),
        publicendport: 81 - (index % 2),
        privateendport: 81,
      }),
    ),
  );
  t.is(done.length, 1);
  t.deepEqual(
    codes,
    Array.from({ length: 7 }, () => 537),
  );
  t.is((await client.list('listPortForwardingRules')).length, 1);
  t.is((await client.list('listFirewallRules')).length, 1);
});

test.serial('of static NATs of one instance made at once exactly one is', async (t) => {
  const { client, networkId: networkid, addressId, machineId: virtualmachineid } = await addTenant(api);
  const second = inside(await client.run('associateIpAddress', { networkid }));
  const settled = await Promise.allSettled(
    [addressId, String(second.id)].map((ipaddressid) =>
      client.run('enableStaticNat', { ipaddressid, virtualmachineid }),
    ),
  );
  t.is(settled.filter(({ status }) => status === 'fulfilled').length, 1);
});

test.serial('instances deployed at once never share an address, a MAC address or a name', async (t) => {
  const tenant = await addTenant(api);
  const { done } = await atOnce(Array.from({ length: 8 }, () => deploy(api, tenant, { networkids: tenant.networkId })));
  t.is(done.length, 8);
  t.is(new Set(done.map(({ ipaddress }) => ipaddress)).size, 8);
  const nics = await api.db.selectFrom('nic').select('mac_address').execute();
  t.is(new Set(nics.map(({ mac_address }) => mac_address)).size, nics.length);
  const named = await atOnce(
    Array.from({ length: 4 }, () => deploy(api, tenant, { networkids: tenant.networkId, name: 'web' })),
  );
  t.is(named.done.length, 1);
  t.deepEqual(named.codes, [431, 431, 431]);
});

test.serial('addresses acquired at once are never the same, and the last is the last', async (t) => {
  const tenants = [await addTenant(api), await addTenant(api)];
  const free = await api.db
    .selectFrom('public_ip_address')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('state', '=', 'Free')
    .executeTakeFirstOrThrow();
  const expected = Number(free.count);
  t.true(expected > 4 && expected < 20);
  const { done, codes } = await atOnce(
    Array.from({ length: 20 }, (_, index) => {
      const { client, networkId: networkid } = tenants[index % 2] ?? t.fail();
      return client.run('associateIpAddress', { networkid });
    }),
  );
  t.is(done.length, expected);
  t.is(new Set(done.map(({ ipaddress }) => ipaddress)).size, expected);
  t.deepEqual(
    codes,
    Array.from({ length: 20 - expected }, () => 533),
  );
});
