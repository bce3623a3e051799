// Console proxies of a whole cloud on a host without VMs: deployed by themselves, healed, more and fewer of them, stopped
// and destroyed by an admin, given a certificate while somebody looks.
import test from 'ava';
import { makeCertificate } from '../../orchestrator/model/certificate-fixture.ts';
import { type Cloud, createCloud, type Instance, objectIn, type Tenant, text } from '../lab/cloud.ts';
import { waitFor } from '../lab/index.ts';
import { patienceMs, processOf, proxiesServe, systemVms, Viewers } from './console-proxy-cloud.ts';

const domainsuffix = '*.console.test';

let cloud: Cloud;
let tenant: Tenant;
let instance: Instance;
let viewers: Viewers;

test.before(async () => {
  cloud = await createCloud({ consoles: true });
  viewers = new Viewers(cloud);
  tenant = await cloud.tenant('looker');
  instance = await tenant.deploy('seen');
});
test.after.always(async () => {
  await viewers?.close();
  await cloud?.teardown();
});

/** The one proxy that serves. */
async function onlyProxy(): Promise<string> {
  return text((await proxiesServe(cloud, 1))[0] ?? {}, 'id');
}

async function sessionsAre(count: number): Promise<void> {
  const counted = async () => {
    const all = await systemVms(cloud);
    return all.reduce((sum, vm) => sum + Number(vm.activeviewersessions), 0) === count;
  };
  await waitFor(`${count} sessions are counted`, counted, patienceMs);
}

test.serial('a zone with an instance gets a console proxy by itself, and its consoles open', async (t) => {
  const [proxy = {}] = await proxiesServe(cloud, 1);
  t.like(proxy, { systemvmtype: 'consoleproxy', zoneid: cloud.zoneId, hypervisor: 'KVM', activeviewersessions: 0 });
  const viewer = await viewers.open(tenant, instance);
  await viewers.answers(viewer, 'first');
  await sessionsAre(1);
  viewer.close();
  await sessionsAre(0);
  const all = await cloud.admin.list('listPublicIpAddresses', { listall: true, forsystemvms: true });
  t.deepEqual(
    all.map(({ ipaddress, issystem, account }) => ({ ipaddress, issystem, account })),
    [{ ipaddress: proxy.publicip, issystem: true, account: undefined }],
  );
  t.deepEqual(await tenant.client.list('listPublicIpAddresses', { forsystemvms: true }), []);
});

test.serial('a proxy that is killed is back with its address, and consoles open again', async (t) => {
  const id = await onlyProxy();
  const before = (await systemVms(cloud))[0];
  const pid = await processOf(id);
  t.not(pid, null);
  cloud.lab.machine.commands.signal(pid ?? 0, 'SIGKILL');
  await waitFor('another process of it', async () => ![null, pid].includes(await processOf(id)), patienceMs);
  const [after = {}] = await proxiesServe(cloud, 1);
  t.is(after.publicip, before?.publicip);
  const viewer = await viewers.open(tenant, instance);
  await viewers.answers(viewer, 'again');
  viewer.close();
});

test.serial('a console stays open while the orchestrator is dead, and is counted when it is back', async (t) => {
  await sessionsAre(0);
  const viewer = await viewers.open(tenant, instance);
  await cloud.killOrchestrator();
  await viewers.answers(viewer, 'alone');
  await cloud.startOrchestrator();
  const id = await onlyProxy();
  await sessionsAre(1);
  await viewers.answers(viewer, 'together');
  t.deepEqual(
    (await systemVms(cloud)).map((vm) => vm.id),
    [id],
  );
  viewer.close();
});

test.serial('another proxy comes before it is needed, and the surplus goes when it is idle', async (t) => {
  await sessionsAre(0);
  await cloud.configure('consoleproxy.idle.wait', 1);
  await cloud.configure('consoleproxy.capacity.standby', 1);
  await cloud.configure('consoleproxy.session.max', 2);
  const first = await onlyProxy();
  const viewer = await viewers.open(tenant, instance);
  const both = await proxiesServe(cloud, 2);
  t.is(new Set(both.map(({ publicip }) => publicip)).size, 2);
  await viewers.answers(viewer, 'crowd');
  viewer.close();
  const last = await onlyProxy();
  t.true(both.some(({ id }) => id === last));
  t.true(both.some(({ id }) => id === first));
  await cloud.configure('consoleproxy.capacity.standby', 10);
  await cloud.configure('consoleproxy.session.max', 500);
});

test.serial('a certificate is taken and exchanged while a console is open', async (t) => {
  const id = await onlyProxy();
  await sessionsAre(0);
  const plain = await viewers.open(tenant, instance);
  const first = await makeCertificate({ name: domainsuffix });
  const upload = async ({ certificate, privateKey }: { certificate: string; privateKey: string }) => {
    const answer = await cloud.admin.run('uploadCustomCertificate', {
      certificate,
      privatekey: privateKey,
      domainsuffix,
    });
    t.regex(text(objectIn(answer, 'customcertificate'), 'message'), /uploaded/);
  };
  await upload(first);
  await viewers.answers(plain, 'plain');
  plain.close();
  const secure = await viewers.open(tenant, instance, first.certificate);
  t.is(secure.certificate, first.certificate);
  const second = await makeCertificate({ name: domainsuffix });
  await upload(second);
  await viewers.answers(secure, 'secure');
  secure.close();
  const renewed = await viewers.open(tenant, instance, second.certificate);
  t.is(renewed.certificate, second.certificate);
  await viewers.answers(renewed, 'renewed');
  renewed.close();
  t.is(await onlyProxy(), id);
  await cloud.configure('consoleproxy.sslEnabled', 'false');
});

test.serial('an admin reboots, stops, starts and destroys a proxy', async (t) => {
  const id = await onlyProxy();
  const pid = await processOf(id);
  const rebooted = objectIn(await cloud.admin.run('rebootSystemVm', { id }), 'systemvm');
  t.is(rebooted.state, 'Running');
  t.not(await processOf(id), pid);
  await cloud.configure('consoleproxy.launch.max', 1);
  t.is(objectIn(await cloud.admin.run('stopSystemVm', { id }), 'systemvm').state, 'Stopped');
  t.is(await processOf(id), null);
  t.is(objectIn(await cloud.admin.run('startSystemVm', { id }), 'systemvm').state, 'Running');
  await proxiesServe(cloud, 1);
  t.is(objectIn(await cloud.admin.run('destroySystemVm', { id }), 'systemvm').state, 'Destroyed');
  t.is(await processOf(id), null);
  t.not(await onlyProxy(), id);
  await cloud.configure('consoleproxy.launch.max', 0);
  await waitFor('no proxy is left', async () => (await systemVms(cloud)).length === 0, patienceMs);
});
