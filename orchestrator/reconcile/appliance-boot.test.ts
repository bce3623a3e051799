// Routers that are VMs: their first start, what is healed, what is tried elsewhere, and what an admin reads of a failure.
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { isExpiredPeer } from '../drivers/errors.ts';
import { createKeyPair, issueCertificate } from '../pki/authority.ts';
import { CertificateRotation } from './certificate-rotation.ts';
import { serialNumberOf } from './certificates.ts';
import { renewExpiredAppliance } from './expired-certificate.ts';
import { restartNetwork } from './network.ts';
import type { Parts } from './parts.ts';
import { destroyRouter, rebootRouter, reviveRouter, startRouter, stopRouter } from './router.ts';
import { RouterMonitor } from './router-monitor.ts';
import { type SimulatedCloud, startSimulatedCloud } from './simulated-cloud-fixture.ts';
import { SimulatedVmHost } from './simulated-vm-host-fixture.ts';

const [diskSha256, kernelSha256, initrdSha256] = ['d', 'e', 'f'].map((digit) => digit.repeat(64));
const images = [diskSha256 ?? '', kernelSha256 ?? '', initrdSha256 ?? ''];
const manifest = {
  ...{ schema: 1, role: 'router', version: '0.1.0', architecture: 'amd64', debian: 'bookworm', sourceDateEpoch: 0 },
  ...{ debug: false, lockSha256: 'a'.repeat(64), kernelCommandLine: 'console=ttyS0' },
  requirements: { cpus: 1, memoryBytes: 256 * 2 ** 20 },
  disk: { virtualBytes: 2 ** 30 },
  files: [
    { name: 'router.qcow2', kind: 'qcow2', bytes: 1, sha256: diskSha256 },
    { name: 'router.vmlinuz', kind: 'kernel', bytes: 1, sha256: kernelSha256 },
    { name: 'router.initrd', kind: 'initrd', bytes: 1, sha256: initrdSha256 },
  ],
};

let cloud: SimulatedCloud;
let parts: Parts;
let hosts: SimulatedVmHost[] = [];
let settings: Record<string, string> = {};

test.before(async () => {
  cloud = await startSimulatedCloud(2);
  const setting = async (name: string) => settings[name] ?? cloud.parts.setting(name);
  parts = { ...cloud.parts, setting };
  await cloud.db
    .insertInto('image')
    .values({
      ...{ role: 'router', version: '0.1.0', architecture: 'amd64', directory: '/nonexistent/router' },
      manifest: JSON.stringify(manifest),
      disk_sha256: diskSha256 ?? '',
    })
    .execute();
});
test.beforeEach(async () => {
  settings = { 'router.start.wait': '1' };
  await cloud.reset();
  hosts = [new SimulatedVmHost(images), new SimulatedVmHost(images)];
  for (const [index, host] of hosts.entries()) {
    await host.open();
    await cloud.db
      .updateTable('host')
      .set({ url: host.url, driver: 'libvirt' })
      .where('id', '=', cloud.hostIds[index] ?? '')
      .execute();
  }
});
test.afterEach.always(async () => {
  for (const host of hosts) await host.close();
});
test.after.always(() => cloud?.close());

async function routerRow(id: string) {
  return cloud.db.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

/** The host that carries a router, the other one, and the router's VM. */
async function carrierOf(routerId: string) {
  const { host_id: hostId } = await routerRow(routerId);
  const index = cloud.hostIds.indexOf(hostId ?? '');
  const [host, other] = [hosts[index], hosts[1 - index]];
  const vm = host?.vms.get(routerId);
  if (host === undefined || other === undefined || vm === undefined) throw new Error('nobody carries the router');
  return { host, other, vm };
}

async function acknowledgedOf(routerId: string) {
  return parts.pusher.acknowledged(routerId);
}

function serialOf(vm: { identity: { grant: { certificate: string } } | null }): string {
  return serialNumberOf(vm.identity?.grant.certificate ?? '');
}

test.serial('the first start gives identity and document by a config drive, and takes it out again', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, vm } = await carrierOf(routerId);
  t.deepEqual(host.calls, ['PUT config-drive', 'PUT appliances', 'POST start', 'POST eject-config-drive']);
  t.is(vm.boots, 1);
  t.is(vm.drive, null);
  t.deepEqual(vm.serving, await acknowledgedOf(routerId));
  t.like(await routerRow(routerId), {
    ...{ state: 'Running', reason: null, bootstrapped: true },
    ...{ link_local_address: '169.254.20.7', version: '0.1.0' },
  });
  t.like(vm.spec, {
    machine: {
      ...{ cpus: 1, memoryBytes: 512 * 2 ** 20 },
      image: { sha256: diskSha256, format: 'qcow2', kernel: { kernel: kernelSha256, initrd: initrdSha256 } },
    },
  });
});

test.serial('stopped, started and rebooted it needs no config drive', async (t) => {
  const { routerId } = await cloud.network('one');
  const { host, vm } = await carrierOf(routerId);
  const serial = serialOf(vm);
  await stopRouter(parts, routerId, false);
  t.is((await routerRow(routerId)).state, 'Stopped');
  t.false(vm.isRunning);
  await startRouter(parts, routerId);
  await rebootRouter(parts, routerId);
  t.is((await routerRow(routerId)).state, 'Running');
  t.is(host.calls.filter((call) => call === 'PUT config-drive').length, 1);
  t.is(serialOf(vm), serial);
  t.is(vm.boots, 3);
});

test.serial('a lost state partition is healed by a new identity, and the old one is refused', async (t) => {
  const { routerId } = await cloud.network('one');
  const { vm } = await carrierOf(routerId);
  const before = serialOf(vm);
  vm.identity = null;
  vm.serving = null;
  await vm.boot(false);
  await reviveRouter(parts, routerId);
  t.is((await routerRow(routerId)).state, 'Running');
  t.not(serialOf(vm), before);
  t.deepEqual(vm.serving, await acknowledgedOf(routerId));
  t.true(parts.certificates.identity.isRevoked(before));
  t.false(parts.certificates.identity.isRevoked(serialOf(vm)));
});

test.serial('a revoked certificate is replaced by a config drive at once, without waiting for an answer', async (t) => {
  settings['router.start.wait'] = '30';
  const { routerId } = await cloud.network('one');
  const { vm } = await carrierOf(routerId);
  const before = serialOf(vm);
  await parts.certificates.revoke({ role: 'appliance', id: routerId });
  await reviveRouter(parts, routerId);
  t.not(serialOf(vm), before);
  t.is(vm.boots, 2);
});

test.serial('a VM that does not come up is tried on another host, after its end on the first', async (t) => {
  const [first, second] = hosts;
  if (first === undefined || second === undefined) throw new Error('two hosts are expected');
  first.isBroken = true;
  await cloud.db
    .updateTable('host')
    .set({ memory_free: 2 ** 40 })
    .where('url', '=', first.url)
    .execute();
  await cloud.db
    .updateTable('host')
    .set({ memory_free: 2 ** 33 })
    .where('url', '=', second.url)
    .execute();
  const { routerId } = await cloud.network('one');
  const { host } = await carrierOf(routerId);
  t.is(host, second);
  t.deepEqual(first.calls.slice(-1), ['DELETE appliances']);
  t.is(first.vms.size, 0);
  t.is((await routerRow(routerId)).state, 'Running');
});

test.serial('where its end on the first host is not confirmed, it is started nowhere else', async (t) => {
  const [first, second] = hosts;
  if (first === undefined || second === undefined) throw new Error('two hosts are expected');
  for (const host of hosts) {
    host.isBroken = true;
    host.refused.add('DELETE');
  }
  await t.throwsAsync(cloud.network('one'), { message: /did not come up on host host\d within 0 s/ });
  t.is(first.vms.size + second.vms.size, 1);
  const { state, reason } = await cloud.db.selectFrom('router').selectAll().executeTakeFirstOrThrow();
  t.is(state, 'Error');
  t.regex(reason ?? '', /The last lines of its serial console:\nKernel panic - not syncing: no init found$/);
});

test.serial('what a host refuses is said in its words', async (t) => {
  for (const host of hosts) host.refused.add('PUT config-drive');
  await t.throwsAsync(cloud.network('one'), { message: /did not come up on host host\d: libvirtd does not answer/ });
});

test.serial('the monitor follows a VM that was killed until it serves again', async (t) => {
  const { routerId } = await cloud.network('one');
  const { vm } = await carrierOf(routerId);
  settings['router.start.wait'] = '30';
  const routers = new RouterMonitor(parts);
  const look = async () => {
    const { host_id: hostId } = await routerRow(routerId);
    await routers.look(hostId ?? '', await (await parts.hosts.client(hostId)).appliances());
  };
  const { identity } = vm;
  // Its host has started it again, and its agent is not up yet.
  vm.identity = null;
  await vm.boot(false);
  await look();
  t.is((await routerRow(routerId)).state, 'Running');
  await look();
  const until = performance.now() + 20_000;
  while ((await routerRow(routerId)).state !== 'Starting' && performance.now() < until) await sleep(20);
  t.is((await routerRow(routerId)).state, 'Starting');
  vm.identity = identity;
  await vm.boot(false);
  await routers.settle();
  t.like(await routerRow(routerId), { state: 'Running', reason: null });
  t.is(vm.boots, 3, 'it was not rebooted once more');
});

test.serial('restartNetwork with cleanup hands the state over before the first document', async (t) => {
  const { networkId, routerId } = await cloud.network('one');
  const { vm } = await carrierOf(routerId);
  vm.state = { dnsmasq: 'leases' };
  await restartNetwork(parts, networkId, true);
  const router = await cloud.db.selectFrom('router').selectAll().executeTakeFirstOrThrow();
  t.not(router.id, routerId);
  const next = await carrierOf(router.id);
  t.deepEqual(next.vm.state, { dnsmasq: 'leases' });
  t.deepEqual(next.vm.serving, await acknowledgedOf(router.id));
  t.false(vm.isRunning);
  t.true(parts.certificates.identity.isRevoked(serialOf(vm)), 'the old router is nobody any more');
});

test.serial('a destroyed router leaves no VM, and its certificate is refused', async (t) => {
  const { routerId } = await cloud.network('one');
  const { vm, host } = await carrierOf(routerId);
  await destroyRouter(parts, routerId);
  t.is(host.vms.size, 0);
  t.true(parts.certificates.identity.isRevoked(serialOf(vm)));
});

test.serial(
  'a certificate past half of its life is renewed without a reboot, and a grant that got lost is repeated',
  async (t) => {
    const { routerId } = await cloud.network('one');
    const { vm } = await carrierOf(routerId);
    const rotation = new CertificateRotation(parts);
    const first = serialOf(vm);
    await rotation.round();
    t.is(serialOf(vm), first, 'it is not due yet');
    const days = (count: number) => new Date(Date.now() + count * 86_400_000);
    const aged = { created: days(-4), not_after: days(3) };
    await cloud.db.updateTable('certificate').set(aged).where('serial_number', '=', first).execute();
    // Granted, and never put: the peer goes on with the old one.
    await parts.certificates.issueWithKey({ role: 'appliance', id: routerId });
    await rotation.round();
    const second = serialOf(vm);
    t.not(second, first);
    t.is(vm.boots, 1);
    await rotation.round();
    t.is(serialOf(vm), second);
    t.deepEqual((await parts.agents.inside(await routerRow(routerId)).status()).serving, vm.serving);
    t.is(parts.agents.inside(await routerRow(routerId)).shownSerialNumber(), second);
  },
);

test.serial('an expired certificate of a VM that runs is renewed without a reboot; a revoked one is not', async (t) => {
  const { routerId } = await cloud.network('one');
  const { vm } = await carrierOf(routerId);
  const { installation } = parts.certificates.identity;
  const issue = async () => {
    const keys = createKeyPair();
    const [authority] = await cloud.db.selectFrom('certificate_authority').selectAll().execute();
    if (authority === undefined) throw new Error('there is no CA');
    const issued = await issueCertificate(
      { certificate: authority.certificate, privateKey: parts.sealer.open(authority.sealed_private_key) },
      {
        holder: { installation, role: 'appliance', id: routerId },
        publicKey: keys.publicKey,
        lifetimeMs: 60_000,
        now: new Date(Date.now() - 3_600_000),
      },
    );
    await cloud.db.deleteFrom('certificate').where('subject_id', '=', routerId).execute();
    const row = { role: 'appliance', subject_id: routerId, certificate: issued.certificate } as const;
    const times = { not_before: issued.notBefore, not_after: issued.notAfter, revoked: null };
    await cloud.db
      .insertInto('certificate')
      .values({ serial_number: issued.serialNumber, ...row, ...times })
      .execute();
    const grant = { certificate: issued.certificate, authorities: parts.certificates.authorities(), revoked: [] };
    vm.identity = { privateKey: keys.privateKey, grant };
    await vm.boot(false);
    return issued.serialNumber;
  };
  const expired = await issue();
  const router = await routerRow(routerId);
  const refusal = await t.throwsAsync(parts.agents.inside(router).status());
  t.true(isExpiredPeer(refusal), String(refusal));
  const { boots } = vm;
  await reviveRouter(parts, routerId);
  t.not(serialOf(vm), expired);
  t.is(vm.boots, boots);
  t.deepEqual((await parts.agents.inside(router).status()).serving, vm.serving);

  const revoked = await issue();
  await parts.certificates.revoke({ role: 'appliance', id: routerId });
  t.false(await renewExpiredAppliance(parts, router));
  t.is(serialOf(vm), revoked);
  await reviveRouter(parts, routerId);
  t.not(serialOf(vm), revoked);
  t.is(vm.boots, boots + 2, 'it got a new identity by a config drive');
});
