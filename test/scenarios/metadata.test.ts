// What an instance reads about itself: cloud-init's own CloudStack data source, and curl, inside of guests.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { namespaceName } from '@isthmus/host-agent';
import test from 'ava';
import { dig, waitFor } from '../lab/clients.ts';
import { type Cloud, createCloud, type Instance, objectIn, type Tenant, text } from '../lab/cloud.ts';

const script = fileURLToPath(new URL('../lab/programs/cloud-init-read.py', import.meta.url));
const gateway = '10.1.1.1';
const linkLocal = '169.254.169.254';
const base64 = (words: string) => Buffer.from(words).toString('base64');

let cloud: Cloud;
let cloudInit: string;
test.before(async () => {
  cloudInit = await mkdtemp(join(tmpdir(), 'isthmus-cloud-init-'));
  cloud = await createCloud();
  const { commands } = cloud.lab.machine;
  // Unpacked, not installed: it would act on this machine with its next boot.
  const sandbox = ['-o', 'APT::Sandbox::User=root', 'download', 'cloud-init'];
  await commands.run('apt-get', sandbox, { cwd: cloudInit, timeoutMs: 120_000 });
  const { stdout } = await commands.run('find', [cloudInit, '-name', '*.deb']);
  await commands.run('dpkg-deb', ['-x', stdout.trim(), join(cloudInit, 'root')]);
  await cloud.admin.run('updateTemplate', { id: cloud.templateId, passwordenabled: true });
});
test.after.always(async () => {
  await cloud?.teardown();
  if (cloudInit !== undefined) await rm(cloudInit, { recursive: true, force: true });
});

interface Read {
  readonly found: boolean;
  readonly address: string;
  readonly userData: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly instanceId: string;
  readonly keys: readonly string[];
  readonly password: string | null;
}

/** What cloud-init finds in the guest, with the guest's own resolv.conf, which `ip netns exec` mounts. */
async function cloudInitReads({ id }: Instance): Promise<Read> {
  const { commands } = await cloud.lab.machineOf(id);
  const inside = ['netns', 'exec', namespaceName(cloud.lab.installation, 'i', id)];
  const words = ['/usr/bin/python3', script, join(cloudInit, 'root')];
  const { stdout } = await commands.run('ip', [...inside, ...words], { timeoutMs: 60_000 });
  return JSON.parse(stdout) as Read;
}

const refused = Array.from({ length: 100 }, (_, code) => code);

/** What curl prints in a guest; '' where nobody answers. */
async function curl({ host }: Instance, url: string, ...words: string[]): Promise<string> {
  const args = ['--silent', '--noproxy', '*', '--max-time', '3', ...words, url];
  return (await host.commands.run('curl', args, { okCodes: refused })).stdout;
}

/** Deploys an instance; answers with it and with its password, as the job told it. */
async function deploy(tenant: Tenant, name: string, values: Record<string, string> = {}) {
  const instance = await tenant.deploy(name, values);
  const { password, jobid } = await deployment(tenant, instance);
  return { instance, password, jobid };
}

async function deployment({ client }: Tenant, { id }: Instance) {
  const job = await cloud.db
    .selectFrom('async_job')
    .select(['id', 'result'])
    .where('instance_id', '=', id)
    .where('command', '=', 'deployVirtualMachine')
    .executeTakeFirstOrThrow();
  const { jobresult } = await client.call('queryAsyncJobResult', { jobid: job.id });
  return { password: text(objectIn(jobresult as never, 'virtualmachine'), 'password'), jobid: job.id, row: job.result };
}

test('cloud-init reads user data, meta-data, keys and the password, which it is given once', async (t) => {
  const tenant = await cloud.tenant('cloudinit');
  const { client } = tenant;
  const made = objectIn(await client.run('createSSHKeyPair', { name: 'mine' }), 'keypair');
  t.regex(text(made, 'privatekey'), /^-----BEGIN RSA PRIVATE KEY-----/);
  const [listed] = await client.list('listSSHKeyPairs', { name: 'mine' });
  t.is(listed?.privatekey, undefined);
  t.is(listed?.fingerprint, made.fingerprint);
  const userdata = '#cloud-config\nhostname: näme\n';
  const { instance, password } = await deploy(tenant, 'web', { keypair: 'mine', userdata: base64(userdata) });
  const read = await cloudInitReads(instance);
  t.is(read.address, gateway);
  t.true(read.found);
  t.is(read.userData, userdata);
  t.is(read.instanceId, instance.id);
  t.is(read.password, password);
  t.regex(password, /^[a-zA-Z2-9]{12}$/);
  const { address: publicIp } = await tenant.sourceNat();
  t.like(read.metadata, {
    'instance-id': instance.id,
    'vm-id': instance.id,
    'local-hostname': 'web',
    'local-ipv4': instance.address,
    'public-ipv4': publicIp,
    'availability-zone': 'zone1',
  });
  t.is(read.keys.length, 1);
  t.regex(read.keys[0] ?? '', /^ssh-rsa /);
  t.is((await cloudInitReads(instance)).password, null, 'given once');
  const row = async () =>
    cloud.db.selectFrom('virtual_machine').selectAll().where('id', '=', instance.id).executeTakeFirstOrThrow();
  await waitFor('the password is forgotten', async () => (await row()).sealed_password === null, 60_000);
  const everything = JSON.stringify([await row(), (await deployment(tenant, instance)).row]);
  t.false(everything.includes(password), 'the database holds it sealed alone');
});

test('guests find data-server by name, and the same answers on every address of metadata', async (t) => {
  const tenant = await cloud.tenant('names');
  const { instance } = await deploy(tenant, 'web', { userdata: base64('mine') });
  t.deepEqual(await dig(instance.host, gateway, 'data-server'), [gateway]);
  for (const address of [gateway, linkLocal]) {
    t.is(await curl(instance, `http://${address}/latest/user-data`), 'mine', address);
    t.is(await curl(instance, `http://${address}/latest/local-ipv4`), instance.address);
    t.is(await curl(instance, `http://${address}/1.0/meta-data/vm-id`), instance.id);
  }
  // As a guest with a route for link-local addresses, which asks for it by ARP.
  await instance.host.commands.run('ip', ['route', 'add', '169.254.0.0/16', 'dev', 'eth0']);
  t.is(await curl(instance, `http://${linkLocal}/latest/user-data`), 'mine');
});

test("no guest reads another's data: by source, headers, from another network, or from outside", async (t) => {
  const tenant = await cloud.tenant('spoof', { egressDefault: true });
  const other = await cloud.tenant('beside', { egressDefault: true });
  const a = await deploy(tenant, 'a', { userdata: base64('data of a') });
  const b = await deploy(tenant, 'b', { userdata: base64('data of b') });
  const stranger = await deploy(other, 'stranger', { userdata: base64('data of the stranger') });
  const url = `http://${gateway}/latest/user-data`;
  for (const lie of ['X-Forwarded-For', 'Forwarded', 'X-Real-IP', 'Host', 'X-Client-IP']) {
    t.is(await curl(a.instance, url, '-H', `${lie}: ${b.instance.address}`), 'data of a', lie);
  }
  const { commands } = a.instance.host;
  await commands.run('ip', ['address', 'add', `${b.instance.address}/24`, 'dev', 'eth0']);
  for (const address of [gateway, linkLocal]) {
    const spoofed = ['--interface', b.instance.address];
    t.is(await curl(a.instance, `http://${address}/latest/user-data`, ...spoofed), '', `as b, of ${address}`);
    t.is(await curl(a.instance, `http://${address}:8080/`, ...spoofed, '-H', 'DomU_Request: send_my_password'), '');
  }
  await commands.run('ip', ['address', 'delete', `${b.instance.address}/24`, 'dev', 'eth0']);
  // A guest that says it has the address of metadata is not believed.
  await commands.run('ip', ['address', 'add', `${linkLocal}/32`, 'dev', 'eth0']);
  await b.instance.host.commands.run('ip', ['route', 'add', '169.254.0.0/16', 'dev', 'eth0']);
  await b.instance.host.commands.run('ip', ['neigh', 'flush', 'dev', 'eth0']);
  t.is(await curl(b.instance, `http://${linkLocal}/latest/user-data`), 'data of b');
  const { address: publicIp } = await tenant.sourceNat();
  await tenant.openIngress({ ...(await tenant.sourceNat()) }, { protocol: 'tcp', startport: 1, endport: 65_535 });
  for (const port of [80, 8080]) {
    t.is(await curl(stranger.instance, `http://${publicIp}:${port}/latest/user-data`), '', 'from another network');
    const { stdout } = await cloud.lab.internet.commands.run(
      'curl',
      ['--silent', '--max-time', '1', `http://${publicIp}:${port}/latest/user-data`],
      { okCodes: refused },
    );
    t.is(stdout, '', 'from outside');
  }
  t.is(await curl(stranger.instance, url), 'data of the stranger');
  const ask = ['-H', 'DomU_Request: send_my_password'];
  t.is(await curl(b.instance, `http://${gateway}:8080/`, ...ask), b.password, "b's password waited for b");
  t.is(await curl(a.instance, `http://${gateway}:8080/`, ...ask), a.password);
});

test('keys, user data and passwords change while the rest goes on; static NAT is told', async (t) => {
  const tenant = await cloud.tenant('changes');
  const { client } = tenant;
  const { instance, password } = await deploy(tenant, 'web', { userdata: base64('one') });
  const url = `http://${gateway}/latest`;
  await client.run('updateVirtualMachine', { id: instance.id, userdata: base64('two') });
  t.is(await curl(instance, `${url}/user-data`), 'two', 'in force when the call answers');
  const ip = await tenant.associate();
  await client.run('enableStaticNat', { ipaddressid: ip.id, virtualmachineid: instance.id });
  t.is(await curl(instance, `${url}/public-ipv4`), ip.address);
  await client.run('disableStaticNat', { ipaddressid: ip.id });
  t.is(await curl(instance, `${url}/public-ipv4`), (await tenant.sourceNat()).address);
  const error = await t.throwsAsync(client.run('resetPasswordForVirtualMachine', { id: instance.id }));
  t.regex(error?.message ?? '', /Stopped/);
  await client.run('stopVirtualMachine', { id: instance.id });
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f me';
  await client.run('registerSSHKeyPair', { name: 'other', publickey: key });
  await client.run('resetSSHKeyForVirtualMachine', { id: instance.id, keypair: 'other' });
  const reset = await client.run('resetPasswordForVirtualMachine', { id: instance.id });
  const renewed = text(objectIn(reset, 'virtualmachine'), 'password');
  t.not(renewed, password);
  await client.run('registerUserData', { name: 'kept', userdata: base64('three'), params: 'tier' });
  const [kept] = await client.list('listUserData', { name: 'kept' });
  const userdataid = text(kept ?? {}, 'id');
  const details = { 'userdatadetails[0].tier': 'front' };
  await client.run('resetUserDataForVirtualMachine', { id: instance.id, userdataid, ...details });
  const told = await client.run('getVirtualMachineUserData', { virtualmachineid: instance.id });
  t.is(text(objectIn(told, 'virtualmachineuserdata'), 'userdata'), base64('three'));
  await client.run('startVirtualMachine', { id: instance.id });
  await tenant.leased(instance.id, instance.address);
  t.is(await curl(instance, `${url}/public-keys`), `${key}\n`);
  t.is(await curl(instance, `${url}/user-data`), 'three');
  t.is(await curl(instance, `${url}/meta-data/tier`), 'front');
  t.is(await curl(instance, `http://${gateway}:8080/`, '-H', 'DomU_Request: send_my_password'), renewed);
  await t.throwsAsync(client.run('deleteUserData', { id: userdataid }), { message: /linked to/ });
});

test.serial('the host agent is killed: metadata returns, and no password is given a second time', async (t) => {
  const tenant = await cloud.tenant('killed');
  const { instance, password } = await deploy(tenant, 'web', { userdata: base64('mine') });
  const second = await deploy(tenant, 'late', {});
  const ask = (who: Instance) => curl(who, `http://${gateway}:8080/`, '-H', 'DomU_Request: send_my_password');
  t.is(await ask(instance), password);
  await cloud.lab.killHostAgent();
  await cloud.lab.startHostAgent();
  await cloud.hostReaches(0, 'Up');
  await waitFor(
    'metadata is back',
    async () => (await curl(instance, `http://${gateway}/latest/user-data`)) === 'mine',
  );
  t.is(await ask(instance), 'saved_password');
  t.is(await ask(second.instance), second.password);
});
