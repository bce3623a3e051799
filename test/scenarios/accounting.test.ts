// Bytes per public address and per network: each once, whatever ends and begins in between.
import test from 'ava';
import { type Cloud, createCloud, only, type Tenant } from '../lab/cloud.ts';
import { internet, waitFor } from '../lab/index.ts';
import { type Bytes, pingBytes, pingLong, usageOf } from '../lab/usage.ts';

let cloud: Cloud;

test.before(async () => {
  cloud = await createCloud();
});
test.after.always(() => cloud?.teardown());

/** Bytes of the tenant's network, or of one of its public addresses. */
const usage = (tenant: Tenant, ipId?: string) => usageOf(cloud.admin, tenant, ipId);

function grown(before: Bytes, by: number): Bytes {
  return { sent: before.sent + by, received: before.received + by };
}

test.serial(
  'each byte of a public address is counted once, through death of the agents and of the orchestrator',
  async (t) => {
    const tenant = await cloud.tenant('exact');
    const web = await tenant.deploy('web');
    const ip = await tenant.associate();
    await tenant.client.run('enableStaticNat', { ipaddressid: ip.id, virtualmachineid: web.id });
    await tenant.openIngress(ip, { protocol: 'icmp', icmptype: -1, icmpcode: -1 });
    t.deepEqual(await usage(tenant, ip.id), { sent: 0, received: 0 });

    await pingLong(cloud.lab.internet, ip.address, 10);
    const first = await usage(tenant, ip.id);
    t.deepEqual(first, { sent: 10 * pingBytes, received: 10 * pingBytes });
    t.deepEqual(await usage(tenant, ip.id), first, 'read again, nothing is counted twice');

    await cloud.lab.killHostAgent('SIGKILL');
    await pingLong(cloud.lab.internet, ip.address, 5);
    await cloud.lab.startHostAgent();
    t.deepEqual(await usage(tenant, ip.id), grown(first, 5 * pingBytes), 'what passed without an agent');

    await cloud.killOrchestrator();
    await pingLong(cloud.lab.internet, ip.address, 3);
    await cloud.startOrchestrator();
    t.deepEqual(await usage(tenant, ip.id), grown(first, 8 * pingBytes), 'what passed without an orchestrator');

    const ruleCount = 20;
    for (let port = 1; port <= ruleCount; port++) {
      await tenant.openIngress(ip, { protocol: 'tcp', startport: port, endport: port });
    }
    t.deepEqual(await usage(tenant, ip.id), grown(first, 8 * pingBytes), 'changes of rules set nothing back');

    await tenant.client.run('restartNetwork', { id: tenant.networkId, cleanup: true });
    t.deepEqual(await usage(tenant, ip.id), grown(first, 8 * pingBytes), 'of the router that is gone');
    const answers = () =>
      pingLong(cloud.lab.internet, ip.address, 1).then(
        () => true,
        () => false,
      );
    await waitFor('the new router answers', answers);
    const before = await usage(tenant, ip.id);
    await pingLong(cloud.lab.internet, ip.address, 2);
    t.deepEqual(await usage(tenant, ip.id), grown(before, 2 * pingBytes), 'of the router that took its place');

    const [all = null] = await tenant.client.list('listUsageRecords', {
      startdate: '2020-01-01',
      enddate: new Date().toISOString().slice(0, 10),
      type: 5,
    });
    t.is(all?.usageid, tenant.networkId, 'without usageid, whole networks');
    t.true(Number(all?.rawusage) >= before.received + 2 * pingBytes);
  },
);

test.serial('what the firewall drops is not the tenant’s', async (t) => {
  const tenant = await cloud.tenant('dropped');
  await tenant.deploy('web');
  const ip = await tenant.associate();
  await tenant.openIngress(ip, { protocol: 'tcp', startport: 80, endport: 80 });
  await cloud.lab.internet.commands.run('ping', ['-q', '-n', '-c', '3', '-i', '0.1', '-W', '0.2', ip.address], {
    okCodes: [0, 1],
  });
  t.deepEqual(await usage(tenant, ip.id), { sent: 0, received: 0 });
});

test.serial('nobody sees the bytes of another account', async (t) => {
  const [one, two] = await Promise.all([cloud.tenant('mine'), cloud.tenant('yours')]);
  const web = await one.deploy('web');
  await pingLong(web.host, internet.gateway, 2).catch(() => {});
  await usage(one);
  const dates = { startdate: '2020-01-01', enddate: new Date().toISOString().slice(0, 10) };
  t.deepEqual(await two.client.list('listUsageRecords', dates), []);
  t.deepEqual(await two.client.list('listUsageRecords', { ...dates, usageid: one.networkId }), []);
  await t.throwsAsync(one.client.run('generateUsageRecords', {}), { message: /generateUsageRecords/ });
  await t.throwsAsync(two.client.list('listUsageRecords', { startdate: '2026-02-02', enddate: '2026-02-01' }), {
    message: /enddate/,
  });
});

test.serial('Prometheus reads the same bytes, where the installation lets it', async (t) => {
  const tenant = await cloud.tenant('scraped');
  const web = await tenant.deploy('web');
  const ip = await tenant.associate();
  await tenant.client.run('enableStaticNat', { ipaddressid: ip.id, virtualmachineid: web.id });
  await tenant.openIngress(ip, { protocol: 'icmp', icmptype: -1, icmpcode: -1 });
  await pingLong(cloud.lab.internet, ip.address, 4);
  const { received } = await usage(tenant, ip.id);
  const url = `${cloud.origin}/metrics`;
  const scraped = await (await fetch(url)).text();
  const line = only(
    'metric of the address',
    scraped
      .split('\n')
      .filter((each) => each.startsWith('isthmus_public_address_bytes_total{') && each.includes(`"${ip.address}"`))
      .filter((each) => each.includes('direction="received"'))
      .map((value) => ({ value })),
  );
  t.is(Number(String(line.value).split(' ').at(-1)), received);
  t.regex(scraped, /^isthmus_routers\{state="Running"\} \d+$/m);
  await t.throwsAsync(cloud.configure('metrics.allowed.cidrs', 'everyone'), { message: /CIDRs/ });
  await cloud.configure('metrics.allowed.cidrs', '192.0.2.0/24');
  const refused = await fetch(url);
  t.is(refused.status, 403);
  t.regex(await refused.text(), /metrics\.allowed\.cidrs/);
  await cloud.configure('metrics.allowed.cidrs', '127.0.0.0/8,::1/128');
  await waitFor('metrics again', async () => (await fetch(url)).ok);
});
