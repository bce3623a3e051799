// What a router's health checks look at is broken, seen to fail, and seen to recover; alerts last as long as their reason;
// a router that stays unhealthy is replaced where an admin wants that, and not again and again.
import type { ApiObject } from '@isthmus/api-client';
import test from 'ava';
import { type Cloud, createCloud, objectIn, objectsIn, type Tenant, text } from '../lab/cloud.ts';
import { waitFor } from '../lab/index.ts';

let cloud: Cloud;
let tenant: Tenant;
const patienceMs = 90_000;

test.before(async () => {
  cloud = await createCloud();
  tenant = await cloud.tenant('healthy', { egressDefault: true });
  await tenant.deploy('web');
  await tenant.openIngress(await tenant.sourceNat(), { protocol: 'tcp', startport: 80, cidrlist: '198.51.100.0/24' });
});
test.after.always(() => cloud?.teardown());

/** Results of checks that the router carries out now, by name. */
async function fresh(): Promise<Map<string, ApiObject>> {
  const routerid = text(await tenant.router(), 'id');
  const answer = await cloud.admin.run('getRouterHealthCheckResults', { routerid, performfreshchecks: true });
  const found = objectIn(answer, 'routerhealthchecks');
  return new Map(objectsIn(found, 'healthchecks').map((result) => [text(result, 'checkname'), result]));
}

async function statusOf(name: string): Promise<string> {
  const result = (await fresh()).get(name);
  return result === undefined ? 'absent' : text(result, 'status');
}

async function recovers(...names: string[]): Promise<void> {
  const all = async () => {
    const results = await fresh();
    return names.every((name) => results.get(name)?.success === true);
  };
  await waitFor(`${names.join(' and ')} succeed`, all, patienceMs);
}

async function lastingAlerts(): Promise<ApiObject[]> {
  const alerts = await cloud.admin.list('listAlerts', { type: 9 });
  return alerts.filter(({ resolved }) => resolved === undefined);
}

/** Everything is well, and nobody is told otherwise. */
async function settled(): Promise<void> {
  const well = async () => [...(await fresh()).values()].every(({ success }) => success === true);
  await waitFor('every check succeeds', well, patienceMs);
  await waitFor('no alert lasts', async () => (await lastingAlerts()).length === 0, patienceMs);
}

/** The gateway of the public side answers no ARP while `work` runs. */
async function withSilentGateway(work: () => Promise<void>): Promise<void> {
  const { commands } = cloud.lab.internet;
  const set = (value: number) => commands.run('sysctl', ['-q', '-w', `net.ipv4.conf.all.arp_ignore=${value}`]);
  await set(8);
  try {
    await work();
  } finally {
    await set(0);
  }
}

test.serial('every check succeeds on a router that is well, and says what it found', async (t) => {
  await settled();
  const results = await fresh();
  const expected = [
    'connectivity.test',
    'cpu_usage_check.py',
    'memory_usage_check.py',
    'disk_space_check.py',
    'filesystem.writable.test',
    'gateways_check.py',
    'router_version_check.py',
    'dhcp.service',
    'dhcp_check.py',
    'dns_check.py',
    'iptables_check.py',
    'haproxy_check.py',
    'metadata.test',
    'conntrack.usage.test',
    'clock.test',
  ];
  for (const name of expected) t.true(results.has(name), name);
  for (const result of results.values()) {
    t.regex(text(result, 'checktype'), /^(basic|advanced)$/);
    t.true(text(result, 'details').length > 0);
    t.true(Math.abs(Date.now() - Date.parse(text(result, 'lastupdated'))) < 120_000);
  }
  const id = text(await tenant.router(), 'id');
  const [listed] = await cloud.admin.list('listRouters', { id, fetchhealthcheckresults: true });
  t.is(listed?.healthchecksfailed, false);
  t.is(objectsIn(listed ?? {}, 'healthcheckresults').length, results.size);
  t.deepEqual(await cloud.admin.list('listRouters', { id, healthchecksfailed: true }), []);
  t.is((await cloud.admin.list('listRouters', { id, healthchecksfailed: false })).length, 1);
});

test.serial('a DHCP server that is stopped but not dead is found, told once, and mended', async (t) => {
  const id = text(await tenant.router(), 'id');
  const { commands } = cloud.lab.machine;
  const pids: number[] = [];
  for (const pid of await cloud.lab.routerProcesses(id)) if (await commands.isRunning(pid, 'dnsmasq')) pids.push(pid);
  t.true(pids.length > 0);
  for (const pid of pids) commands.signal(pid, 'SIGSTOP');
  const results = await fresh();
  t.is(results.get('dhcp_check.py')?.status, 'FAILURE', text(results.get('dhcp_check.py') ?? {}, 'details'));
  t.is(results.get('dns_check.py')?.status, 'FAILURE');
  t.is((await cloud.admin.list('listRouters', { id, healthchecksfailed: true })).length, 1);
  t.is((await tenant.router()).healthchecksfailed, true);
  const [alert, ...others] = await lastingAlerts();
  t.deepEqual(others, []);
  t.is(alert?.name, 'ALERT.SERVICE.DOMAINROUTER');
  t.is(alert?.resourceid, id);
  t.regex(text(alert ?? {}, 'description'), /dhcp_check\.py/);
  await settled();
  const [recovery] = await cloud.admin.list('listAlerts', { type: 'ALERT.SERVICE.DOMAINROUTER', keyword: 'again' });
  t.regex(text(recovery ?? {}, 'description'), /is healthy again/);
});

test.serial('rules that somebody flushed and a set that somebody emptied are found, and loaded again', async (t) => {
  const { commands } = await tenant.routerHost();
  const rules = async () => (await commands.run('iptables-save', ['-t', 'mangle'])).stdout;
  const chain = /^-A ((?!PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)\S+) .*-j/m.exec(await rules())?.[1] ?? '';
  const sets = (await commands.run('ipset', ['save'])).stdout;
  const [, set = '', member = ''] = /^add (\S+) (\S+)/m.exec(sets) ?? [];
  t.false([chain, set].includes(''), sets);
  await commands.run('iptables', ['-t', 'mangle', '-F', chain]);
  await commands.run('ipset', ['del', set, member]);
  const found = (await fresh()).get('iptables_check.py');
  t.is(found?.status, 'FAILURE');
  for (const name of [chain, set]) t.true(text(found ?? {}, 'details').includes(name), text(found ?? {}, 'details'));
  await recovers('iptables_check.py');
  t.true((await rules()).includes(`-A ${chain} `));
});

test.serial('limits and exclusions are settings, which reach routers by their documents', async (t) => {
  const threshold = 'router.health.checks.free.disk.space.threshold';
  const exclude = 'router.health.checks.to.exclude';
  await cloud.configure(threshold, 900_000_000);
  await cloud.configure(exclude, 'dns_check.py, clock.test');
  await waitFor('too little is free', async () => (await statusOf('disk_space_check.py')) === 'FAILURE', patienceMs);
  const results = await fresh();
  t.false(results.has('dns_check.py'));
  t.false(results.has('clock.test'));
  await cloud.admin.run('updateConfiguration', { name: threshold });
  await cloud.admin.run('updateConfiguration', { name: exclude });
  await recovers('disk_space_check.py', 'dns_check.py');
});

test.serial('alerts are archived and deleted by what they are', async (t) => {
  await cloud.admin.run('generateAlert', { type: 14, name: 'Mine', description: 'the roof leaks' });
  const [mine] = await cloud.admin.list('listAlerts', { name: 'Mine' });
  t.is(mine?.description, 'the roof leaks');
  t.is(mine?.type, 14);
  await cloud.admin.run('archiveAlerts', { ids: text(mine ?? {}, 'id') });
  t.deepEqual(await cloud.admin.list('listAlerts', { name: 'Mine' }), []);
  t.true((await cloud.admin.list('listAlerts', { type: 9 })).length > 0);
  await cloud.admin.run('deleteAlerts', { type: 'ALERT.SERVICE.DOMAINROUTER', enddate: '2199-01-01' });
  t.deepEqual(await cloud.admin.list('listAlerts', { type: 9 }), []);
  await t.throwsAsync(cloud.admin.run('deleteAlerts', {}), { message: /ids/ });
});

test.serial('a router that stays unhealthy is replaced where an admin wants it, and not again at once', async (t) => {
  await settled();
  const routerId = async () => text(await tenant.router(), 'id');
  const first = await routerId();
  const twiceSilent = async () => {
    for (const _ of [1, 2]) t.is(await statusOf('gateways_check.py'), 'FAILURE');
    const [alert, ...others] = await lastingAlerts();
    t.deepEqual(others, [], 'one alert while it lasts');
    t.true(Number(alert?.sentcount) >= 2);
    return Number(alert?.sentcount);
  };
  await withSilentGateway(async () => {
    await twiceSilent();
    await cloud.configure('router.health.checks.failures.to.recreate.vr.count', 2);
    await cloud.configure('router.health.checks.failures.to.recreate.vr', 'dns_check.py, gateways_check.py');
    // A fraction of a minute, which the API does not take.
    const value = '0.03';
    await cloud.db
      .insertInto('configuration')
      .values({ name: 'router.health.checks.results.fetch.interval', value })
      .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
      .execute();
    await waitFor('another router', async () => (await routerId()) !== first, patienceMs);
    await waitFor('it runs', async () => (await tenant.router()).state === 'Running', patienceMs);
    const second = await routerId();
    const ofFirst = async () => (await lastingAlerts()).some(({ resourceid }) => resourceid === first);
    await waitFor('the alert of the first ends', async () => !(await ofFirst()), patienceMs);
    const moved = async () => {
      const alerts = await cloud.admin.list('listAlerts', { type: 15 });
      return alerts.some((alert) => text(alert, 'description').includes('gateways_check.py'));
    };
    await waitFor('the replacement is told', moved, patienceMs);
    const count = await twiceSilent();
    const again = async () => Number((await lastingAlerts())[0]?.sentcount) >= count + 2;
    await waitFor('the monitor has found it failed two times more', again, patienceMs);
    t.is(await routerId(), second, 'not again');
    const [recreation] = await cloud.db.selectFrom('router_recreation').selectAll().execute();
    t.is(recreation?.attempts, 1);
  });
  await settled();
});
