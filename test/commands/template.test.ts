import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiCallError } from '@isthmus/api-client';
import { createHost, silentLog } from '@isthmus/host';
import { ipv4FromNumber, ipv4ToNumber, parseIpv4Address } from '@isthmus/net';
import { inspectTemplateDisk } from '@isthmus/orchestrator/reconcile/images';
import { ImageStore } from '@isthmus/orchestrator/store/image';
import { openImageFixture } from '@isthmus/orchestrator/store/image-fixture';
import { TemplateDisks } from '@isthmus/orchestrator/store/template-disk';
import test, { type ExecutionContext } from 'ava';
import { addTenant, deploy, startTenantApi, type Tenant, type TenantApi } from './tenant-fixture.ts';

const { commands } = createHost({ log: silentLog });
let api: TenantApi;
let tenant: Tenant;
let directory: string;
test.before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-templates-'));
  api = await startTenantApi(64, (db) => {
    const disks = new TemplateDisks({ db, commands, log: silentLog, folder: join(directory, 'kept') });
    return {
      inspectTemplateDisk: (path) => inspectTemplateDisk(disks, path),
      importTemplate: (id) => disks.begin(id),
      deleteTemplate: (id) => disks.remove(id),
    };
  });
  tenant = await addTenant(api);
});
test.after.always(async () => {
  await api?.close();
  await rm(directory, { recursive: true, force: true });
});

async function disk(name: string, ...args: string[]): Promise<string> {
  const path = join(directory, name);
  await commands.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...args, path, '32M']);
  return `file://${path}`;
}

async function refused(t: ExecutionContext, call: Promise<unknown>, errorcode: number, text: RegExp): Promise<void> {
  const error = await t.throwsAsync(call, { instanceOf: ApiCallError });
  t.is(error.errorcode, errorcode);
  t.regex(error.message, text);
}

function register(name: string, url: string, more: Record<string, string | boolean> = {}) {
  return api.admin.call('registerTemplate', { name, url, format: 'QCOW2', hypervisor: 'KVM', ...more });
}

async function named(name: string) {
  const [template] = await api.admin.list('listTemplates', { templatefilter: 'all', name });
  return template;
}

async function ready(name: string) {
  for (;;) {
    const template = await named(name);
    if (template?.status !== 'Processing') return template;
    await sleep(50);
  }
}

test.serial('a qcow2 disk becomes a template that a tenant sees once it is public', async (t) => {
  const url = await disk('one.qcow2');
  const { count, template } = await register('mine', url);
  t.is(count, 1);
  t.like(template, [{ name: 'mine', format: 'QCOW2', isready: false, status: 'Processing', url, ispublic: false }]);
  const { id, checksum } = (await ready('mine')) ?? {};
  t.like(await named('mine'), { isready: true, status: 'Download Complete', size: 33_554_432, templatetype: 'USER' });
  t.deepEqual(await readdir(join(directory, 'kept')), [`${checksum}.qcow2`]);
  t.deepEqual(await tenant.client.list('listTemplates', { templatefilter: 'all', name: 'mine' }), []);
  await refused(
    t,
    deploy(api, tenant, { templateid: String(id) }),
    431,
    /templateid: expected the id of a template that/,
  );

  await register('everyones', await disk('two.qcow2', '-o', 'compat=0.10'), { ispublic: true, isfeatured: true });
  await ready('everyones');
  const [seen] = await tenant.client.list('listTemplates', { templatefilter: 'featured', name: 'everyones' });
  t.like(seen, { isready: true, ispublic: true });
  t.is(seen?.url, undefined);
  await refused(
    t,
    tenant.client.call('registerTemplate', { name: 'x', url, format: 'QCOW2', hypervisor: 'KVM' }),
    432,
    /./,
  );
});

test.serial('a disk that reaches beyond itself, and a URL of elsewhere, are refused at once', async (t) => {
  const backed = await disk('backed.qcow2', '-b', join(directory, 'one.qcow2'), '-F', 'qcow2');
  await refused(t, register('bad', backed), 431, /url: expected a disk that can be taken: it has a backing file/);
  await refused(t, register('bad', 'file:///no/such.qcow2'), 431, /cannot be read \(ENOENT\)/);
  for (const url of ['http://example.org/x.qcow2', 'file://host/x.qcow2', '/x.qcow2', 'file:////x', 'image:router']) {
    await refused(t, register('bad', url), 431, /url: expected file:\/\/ and the absolute path/);
  }
  await refused(t, register('isthmus-mine', backed), 431, /those are built in/);
  await refused(t, register('bad', backed, { format: 'VHD' }), 431, /format/);
  await refused(t, register('bad', backed, { checksum: 'abc' }), 431, /checksum/);
  t.is(await named('bad'), undefined);
});

test.serial('a template that no host of the zone can run is refused with what it has', async (t) => {
  const { id } = (await named('everyones')) ?? {};
  await addHost('namespace');
  await refused(
    t,
    deploy(api, tenant, { templateid: String(id) }),
    431,
    /everyones runs on hosts of driver libvirt, and zone zone1 has hosts of driver namespace only/,
  );
  await t.notThrowsAsync(deploy(api, tenant, {}));
  await addHost('libvirt');
  await t.notThrowsAsync(deploy(api, tenant, { templateid: String(id) }));
  await refused(t, api.admin.run('deleteTemplate', { id: String(id) }), 536, /everyones has instances, such as vm-/);
});

test.serial('the guest image is a built-in template, and one of an own name', async (t) => {
  await refused(t, register('early', 'image:guest'), 431, /npm run image -- guest/);
  const fixture = await openImageFixture();
  t.teardown(() => fixture.remove());
  await fixture.build('guest', { qcow2: 'disk' });
  await new ImageStore(api.db, fixture).register();
  t.like(await named('isthmus-guest'), { isready: true, templatetype: 'BUILTIN', physicalsize: 4, size: 1_048_576 });
  await register('small', 'image:guest', { ispublic: true });
  t.like(await named('small'), { isready: true, templatetype: 'USER', physicalsize: 4 });
  await fixture.build('guest', { qcow2: 'newer disk' });
  await new ImageStore(api.db, fixture).register();
  t.like(await named('isthmus-guest'), { physicalsize: 10 });
  t.like(await named('small'), { physicalsize: 4 });
  await refused(
    t,
    api.admin.run('deleteTemplate', { id: String((await named('isthmus-guest'))?.id) }),
    431,
    /built in/,
  );
  await api.admin.run('deleteTemplate', { id: String((await named('small'))?.id) });
  t.is(await named('small'), undefined);
});

test.serial('a deleted template takes its disk along', async (t) => {
  const { id, checksum } = (await named('mine')) ?? {};
  t.true((await readdir(join(directory, 'kept'))).includes(`${checksum}.qcow2`));
  await api.admin.run('deleteTemplate', { id: String(id) });
  t.is(await named('mine'), undefined);
  t.false((await readdir(join(directory, 'kept'))).includes(`${checksum}.qcow2`));
});

async function addHost(driver: 'namespace' | 'libvirt'): Promise<void> {
  const { db, zoneId } = api;
  const address = (last: number) => ipv4FromNumber(ipv4ToNumber(parseIpv4Address('192.0.2.0')) + last);
  const common = { name: driver, zone_id: zoneId };
  const pod = await db
    .insertInto('pod')
    .values({ ...common, gateway: address(1), netmask: address(0), start_ip: address(2), end_ip: address(9) })
    .returning('id')
    .executeTakeFirstOrThrow();
  const cluster = await db
    .insertInto('cluster')
    .values({ ...common, pod_id: pod.id, hypervisor: 'KVM' })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('host')
    .values({
      ...common,
      pod_id: pod.id,
      cluster_id: cluster.id,
      url: `unix:/${driver}`,
      driver,
      cpus: 1,
      memory: 2 ** 30,
      version: '0.1.0',
    })
    .execute();
}
