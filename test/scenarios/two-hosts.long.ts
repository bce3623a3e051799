// Two hosts that joined by token: a network spans them, and a router outlives the host that it ran on, never twice.
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type Cloud, createCloud, type Instance, type PublicIp, type Tenant, text } from '../lab/cloud.ts';
import { watchGateway } from '../lab/gateway-watch.ts';
import { answererOf, findLeaks, httpGet, internet, seenAs } from '../lab/index.ts';

const patiently = { timeoutMs: 5000 };
const gateway = '10.1.1.1';

let cloud: Cloud;
let tenant: Tenant;
let web: Instance;
let ip: PublicIp;
let url: string;
test.before(async (t) => {
  t.timeout(900_000);
  cloud = await createCloud({ hosts: ['libvirt', 'libvirt'] });
  for (const index of [0, 1]) await cloud.enableFencing(index);
  tenant = await cloud.tenant('alice', { egressDefault: true });
  web = await tenant.deploy('web');
  ip = await tenant.sourceNat();
  await tenant.forward(ip, web, { publicport: 8080, privateport: 80, openfirewall: true });
  url = `http://${ip.address}:8080/`;
  await part();
});
test.after.always(async () => {
  await cloud?.teardown();
});

/** 30 s, and more where the machine has more to do than these VMs: emulated ones boot as fast as they get a processor. */
function limitMs(): number {
  const [load = 0] = loadavg();
  return 30_000 * Math.max(1, load / (2 * availableParallelism()));
}

/** Index of the hypervisor that the API says carries the router, and of the one that carries the instance. */
async function places(): Promise<{ router: number; instance: number; routerId: string }> {
  const router = await tenant.router();
  const [machine] = await cloud.admin.list('listVirtualMachines', { listall: true, id: web.id });
  const indexOf = (id: unknown) => cloud.hostIds.indexOf(String(id));
  return { router: indexOf(router.hostid), instance: indexOf(machine?.hostid), routerId: text(router, 'id') };
}

/** Brings the router to the host on which the instance is not. */
async function part(): Promise<void> {
  const { router, instance, routerId: virtualmachineid } = await places();
  if (router !== instance) return;
  await cloud.admin.run('migrateSystemVm', { virtualmachineid, hostid: cloud.hostIds[1 - instance] ?? '' });
}

/** Watches for one who answers for the gateway, from the hypervisor that carries the instance. */
async function watched(name: string, index: number) {
  const macAddress = `02:00:00:00:01:${name === 'first' ? '01' : '02'}`;
  const address = `10.1.1.${name === 'first' ? 250 : 251}`;
  const host = await cloud.lab.hypervisors.plugGuest(index, { name, macAddress, address: `${address}/24` });
  return watchGateway(cloud.lab, { host, macAddress, address, gateway });
}

test.serial('router on one host and instance on the other: lease, source NAT, forward, whole packets', async (t) => {
  const { hypervisors, internet: outside } = cloud.lab;
  const { router, instance, routerId } = await places();
  t.not(router, instance, 'each on a host of its own');
  t.deepEqual(
    (await hypervisors.emulators('r', routerId)).map(({ hypervisor }) => hypervisor),
    [router],
  );
  t.is(await answererOf(outside, url, patiently), 'web');
  t.is(await seenAs(outside, url, patiently), internet.gateway);
  const body = 'x'.repeat(100_000);
  t.is(await httpGet(outside, `${url}cgi-bin/index.cgi`, { body, timeoutMs: 30_000 }), body);
  const wget = ['4', 'wget', '-q', '-O', '-', `http://${internet.server}/`];
  const answer = await web.host.commands.run('timeout', wget, { timeoutMs: 20_000 });
  t.regex(answer.stdout, new RegExp(`^client: ${ip.address.replaceAll('.', '\\.')}$`, 'm'));
});

test.serial(
  'a host that lost its power loses its router to the other within 30 s, and nobody is answered twice',
  async (t) => {
    t.timeout(300_000);
    const { hypervisors, internet: outside } = cloud.lab;
    const { router: dead, instance: alive, routerId } = await places();
    const watch = await watched('first', alive);
    await waitFor('an answer to the watch', async () => (await watch.report()).answers > 10);
    const began = performance.now();
    await hypervisors.cutPower(dead);
    t.is(await waitFor('the forward', () => answererOf(outside, url, { timeoutMs: 500 }), 150_000), 'web');
    const servedMs = Math.round(performance.now() - began);
    t.log(`served from the other host after ${servedMs} ms`);
    t.deepEqual(
      (await hypervisors.emulators('r', routerId)).map(({ hypervisor }) => hypervisor),
      [alive],
    );
    await hypervisors.restorePower(dead);
    await cloud.hostReaches(dead, 'Up', 120_000);
    // Long enough for whatever the host would start of its own to answer.
    await sleep(15_000);
    t.deepEqual(
      (await hypervisors.emulators('r', routerId)).map(({ hypervisor }) => hypervisor),
      [alive],
      'the host that returned did not start its old router',
    );
    t.is(await answererOf(outside, url, patiently), 'web');
    const { doubled, longestSilenceMs, answers } = await watch.stop();
    t.log(`the gateway was silent for ${longestSilenceMs} ms at most, and answered ${answers} times`);
    t.deepEqual(doubled, []);
    t.true(servedMs <= limitMs(), `${servedMs} ms`);
  },
);

test.serial('without a confirmed power-off nothing starts a second time, and with it all goes on', async (t) => {
  t.timeout(300_000);
  const { hypervisors, internet: outside } = cloud.lab;
  // Away from the instance, which no other host would have again.
  await part();
  const { router: dead, instance, routerId } = await places();
  t.not(dead, instance);
  const bmc = hypervisors.bmcs[dead];
  bmc?.setReachable(false);
  await hypervisors.cutPower(dead);
  await waitFor(
    'the host is noticed',
    async () => {
      const [host] = await cloud.admin.list('listHosts', { id: cloud.hostIds[dead] ?? '' });
      return host?.state !== 'Up';
    },
    60_000,
  );
  await sleep(20_000);
  t.deepEqual(await hypervisors.emulators('r', routerId), [], 'nobody may say that it is off');
  bmc?.setReachable(true);
  t.is(await waitFor('the forward', () => answererOf(outside, url, { timeoutMs: 500 }), 180_000), 'web');
  t.is((await hypervisors.emulators('r', routerId)).length, 1);
  await hypervisors.restorePower(dead);
  await cloud.hostReaches(dead, 'Up', 120_000);
});

test.serial('nothing of it remains', async (t) => {
  const { machine, installation } = cloud.lab;
  await cloud.teardown();
  t.deepEqual(await findLeaks(machine, installation), []);
});
