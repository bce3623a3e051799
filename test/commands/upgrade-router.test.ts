// upgradeRouterTemplate: which routers are replaced, and a job for each; what listRouters says of their software.
import type { ApiObject } from '@isthmus/api-client';
import { macFromNumber, parseIpv4Address } from '@isthmus/net';
import test from 'ava';
import { addTenant, startTenantApi, type Tenant, type TenantApi } from './tenant-fixture.ts';

let api: TenantApi;
let tenants: Tenant[];
const restarted: [string, boolean][] = [];

function manifestOf(version: string, bundle: string) {
  return {
    ...{ schema: 1, role: 'router', version, architecture: 'amd64', debian: 'bookworm', sourceDateEpoch: 0 },
    ...{ debug: false, lockSha256: 'a'.repeat(64), kernelCommandLine: 'quiet' },
    requirements: { cpus: 1, memoryBytes: 2 ** 28 },
    disk: { virtualBytes: 2 ** 29 },
    files: [{ name: 'router.mjs', kind: 'bundle', bytes: 1, sha256: bundle.repeat(64) }],
  };
}

async function addImage(version: string, digit: string, created: Date): Promise<string> {
  const manifest = JSON.stringify(manifestOf(version, digit));
  const values = { role: 'router', version, architecture: 'amd64', directory: '/none', created } as const;
  const row = await api.db
    .insertInto('image')
    .values({ ...values, manifest, disk_sha256: digit.repeat(64) })
    .returning('id')
    .executeTakeFirstOrThrow();
  return row.id;
}

async function addRouter(tenant: Tenant, number: number, podId: string, imageId: string, sha256: string) {
  const network = await api.db
    .selectFrom('network')
    .selectAll()
    .where('id', '=', tenant.networkId)
    .executeTakeFirstOrThrow();
  await api.db
    .insertInto('router')
    .values({
      name: `r-${number}-VM`,
      network_id: network.id,
      zone_id: network.zone_id,
      pod_id: podId,
      host_id: null,
      account_id: network.account_id,
      domain_id: network.domain_id,
      service_offering_id: api.serviceOfferingId,
      guest_mac_address: macFromNumber(10 * number),
      public_mac_address: macFromNumber(10 * number + 1),
      state: 'Running',
      reason: null,
      version: '1.0',
      handover: null,
      image_id: imageId,
      software_version: '1.0',
      software_sha256: sha256.repeat(64),
    })
    .execute();
}

test.before(async () => {
  api = await startTenantApi(64, () => ({
    restartNetwork: async (id, { cleanup }) => void restarted.push([id, cleanup]),
  }));
  const { id: podId } = await api.db
    .insertInto('pod')
    .values({
      zone_id: api.zoneId,
      name: 'pod1',
      gateway: parseIpv4Address('192.0.2.1'),
      netmask: parseIpv4Address('255.255.255.0'),
      start_ip: parseIpv4Address('192.0.2.10'),
      end_ip: parseIpv4Address('192.0.2.20'),
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const old = await addImage('1.0', '1', new Date('2026-01-01'));
  const newest = await addImage('2.0', '2', new Date('2026-02-01'));
  tenants = [await addTenant(api), await addTenant(api), await addTenant(api)];
  const [first, second, third] = tenants;
  if (first === undefined || second === undefined || third === undefined) throw new Error('no tenants');
  await addRouter(first, 1, podId, old, '1');
  // Patched since.
  await addRouter(second, 2, podId, old, '2');
  await addRouter(third, 3, podId, newest, '2');
});
test.after.always(() => api?.close());

async function upgrade(values: Record<string, string>): Promise<string[]> {
  restarted.length = 0;
  const { asyncjobs } = await api.admin.call('upgradeRouterTemplate', values);
  const jobs = Array.isArray(asyncjobs) ? (asyncjobs as ApiObject[]) : [];
  for (const { jobid } of jobs) {
    for (;;) {
      const { jobstatus } = await api.admin.call('queryAsyncJobResult', { jobid: String(jobid) });
      if (jobstatus !== 0) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return restarted
    .map(([id, cleanup]) => `${tenants.findIndex(({ networkId }) => networkId === id)} ${cleanup}`)
    .sort();
}

test.serial('a router requires an upgrade where neither its image nor a patch gave it the newest agent', async (t) => {
  const routers = await api.admin.list('listRouters', { listall: true });
  const said = routers.map(({ name, requiresupgrade, softwareversion }) => ({
    name,
    requiresupgrade,
    softwareversion,
  }));
  t.deepEqual(
    said.sort((a, b) => (String(a.name) < String(b.name) ? -1 : 1)),
    [
      { name: 'r-1-VM', requiresupgrade: true, softwareversion: '1.0' },
      { name: 'r-2-VM', requiresupgrade: false, softwareversion: '1.0' },
      { name: 'r-3-VM', requiresupgrade: false, softwareversion: '1.0' },
    ],
  );
});

test.serial('routers of an older image are replaced by new ones, a job for each', async (t) => {
  t.deepEqual(await upgrade({ zoneid: api.zoneId }), ['0 true', '1 true']);
});

test.serial('one router, or those of an account, are replaced alone', async (t) => {
  const [router] = await api.admin.list('listRouters', { name: 'r-2-VM', listall: true });
  t.deepEqual(await upgrade({ id: String(router?.id) }), ['1 true']);
  t.deepEqual(await upgrade({ domainid: String(router?.domainid), account: String(router?.account) }), ['1 true']);
  t.deepEqual(await upgrade({ domainid: String(router?.domainid) }), ['0 true', '1 true']);
});

test.serial('without a scope, or to a tenant, it is refused', async (t) => {
  await t.throwsAsync(api.admin.call('upgradeRouterTemplate', {}), { message: /one of id, zoneid/ });
  await t.throwsAsync(api.admin.call('upgradeRouterTemplate', { account: 'a' }), { message: /domainid/ });
  await t.throwsAsync(tenants[0]?.client.call('upgradeRouterTemplate', { zoneid: api.zoneId }) ?? Promise.resolve());
});
