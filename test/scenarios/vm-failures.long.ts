// Deployments of virtual machines that must not come about, or must in spite of all: what the tenant is told, and that
// nothing is left behind.
import { open } from 'node:fs/promises';
import test from 'ava';
import { type Cloud, cloudFor, type Tenant } from '../lab/cloud.ts';
import { imageFolder } from '../lab/images.ts';
import { answererOf, waitFor } from '../lab/index.ts';

const mebibyte = 1024 * 1024;

/** Command lines of what runs on the hypervisor and carries or wires a VM; empty where nothing is left of any. */
async function remains({ lab }: Cloud): Promise<string[]> {
  const { hypervisors, installation } = lab;
  const { host } = hypervisors.at(0);
  const links = (await host.commands.run('ip', ['-brief', 'link', 'show'])).stdout.split('\n');
  const taps = links.filter((line) => new RegExp(`^${installation}[ri][0-9a-f]{8}`).test(line));
  const pids = await hypervisors.at(0).processes();
  const lines = await Promise.all(
    pids.map((pid) => lab.machine.files.readText(`/proc/${pid}/cmdline`).catch(() => '')),
  );
  return [...taps, ...lines.filter((line) => line.includes(`guest=ith-${installation}-`))];
}

/** Why an instance is in state Error, as the root admin is told: a tenant is told that something failed, and no more. */
async function reasonOf(tenant: Tenant, name: string): Promise<string> {
  const machines = await tenant.cloud.admin.list('listVirtualMachines', { listall: true, name });
  const details = machines[0]?.details;
  const reason = typeof details === 'object' && details !== null && 'reason' in details ? details.reason : null;
  return `${machines[0]?.state}: ${reason}`;
}

/** Deploys what cannot be, and answers with the reason. The instance is gone afterwards. */
async function failure(tenant: Tenant, name: string): Promise<string> {
  const wentWell = await tenant.deploy(name).then(
    () => true,
    () => false,
  );
  if (wentWell) return 'it was deployed';
  const reason = await reasonOf(tenant, name);
  const [machine] = await tenant.client.list('listVirtualMachines', { name });
  await tenant.cloud.admin.run('destroyVirtualMachine', { id: String(machine?.id), expunge: true });
  return reason;
}

/** A copy of the images in which one byte of the router's disk is another, or which lacks its signature. */
async function spoiledImages(cloud: Cloud, how: 'tampered' | 'unsigned'): Promise<string> {
  const folder = `${cloud.lab.state}/images-${how}`;
  const { commands, files } = cloud.lab.machine;
  await files.makeDirectory(folder);
  await commands.run('cp', ['-r', '--reflink=auto', `${imageFolder}/router`, `${imageFolder}/guest`, folder]);
  if (how === 'unsigned') {
    await files.remove(`${folder}/router/manifest.json.sig`);
    return folder;
  }
  const disk = await open(`${folder}/router/router.qcow2`, 'r+');
  const place = 40 * mebibyte;
  const byte = Buffer.alloc(1);
  await disk.read(byte, 0, 1, place);
  await disk.write(Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, place);
  await disk.close();
  return folder;
}

test.serial('an image that was tampered with, or is not signed, is not booted, and the reason is told', async (t) => {
  t.timeout(600_000);
  const cloud = await cloudFor(t, { hosts: ['libvirt'] });
  const tenant = await cloud.tenant('alice');
  for (const how of ['tampered', 'unsigned'] as const) {
    cloud.images = await spoiledImages(cloud, how);
    await cloud.killOrchestrator('SIGTERM');
    await cloud.startOrchestrator();
    const told = await failure(tenant, how);
    t.log(told);
    t.regex(told, /router/i);
    t.regex(told, how === 'tampered' ? /SHA-256|hash|differ|changed/i : /sign/i);
    t.deepEqual(await remains(cloud), []);
  }
  cloud.images = imageFolder;
  await cloud.killOrchestrator('SIGTERM');
  await cloud.startOrchestrator();
  const web = await tenant.deploy('good');
  t.is(web.address.split('.').length, 4, 'with the right image all is well');
});

test.serial('a host whose disk is full refuses the deployment with that reason, and keeps nothing of it', async (t) => {
  t.timeout(600_000);
  const cloud = await cloudFor(t, { hosts: ['libvirt'], diskBytes: 60 * mebibyte });
  const tenant = await cloud.tenant('alice');
  const told = await failure(tenant, 'web');
  t.log(told);
  t.regex(told, /expected \d+ bytes free in \S+, found \d+/);
  t.deepEqual(await remains(cloud), []);
  const cached = await cloud.lab.hypervisors.at(0).host.commands.run('du', ['-sm', '/var/lib/isthmus']);
  t.true(Number.parseInt(cached.stdout, 10) < 50, `half an image is no use to anybody: ${cached.stdout} MiB`);
});

test.serial('kill -9 of libvirtd in mid-deployment is healed', async (t) => {
  t.timeout(900_000);
  const cloud = await cloudFor(t, { hosts: ['libvirt'] });
  const { hypervisors, machine } = cloud.lab;
  const tenant = await cloud.tenant('alice');
  const deployed = failure(tenant, 'web');
  const libvirtd = async () => {
    for (const pid of await hypervisors.at(0).processes()) {
      if (await machine.commands.isRunning(pid, 'libvirtd')) return pid;
    }
    return null;
  };
  const first = await waitFor('libvirtd', libvirtd, 120_000);
  // While virsh asks it to create the router's domain.
  const isAsked = async () => {
    for (const pid of await hypervisors.at(0).processes()) {
      const line = (await machine.files.readTextIfExists(`/proc/${pid}/cmdline`).catch(() => null)) ?? '';
      if (line.startsWith('virsh') && line.includes('\0create\0')) return true;
    }
    return false;
  };
  await waitFor('a domain on its way', isAsked, 120_000);
  machine.commands.signal(first, 'SIGKILL');
  const outcome = await deployed;
  t.log(outcome);
  if (outcome !== 'it was deployed') {
    t.regex(outcome, /libvirtd/);
    t.deepEqual(await remains(cloud), []);
    await tenant.deploy('again');
  }
  const [web] = await tenant.client.list('listVirtualMachines', { state: 'Running' });
  const instance = await waitFor('the instance', async () => web ?? null);
  const ip = await tenant.sourceNat();
  const [nic] = Array.isArray(instance.nic) ? instance.nic : [];
  await tenant.forward(
    ip,
    {
      id: String(instance.id),
      name: String(instance.name),
      address: String(nic?.ipaddress),
      macAddress: '',
      password: null,
      host: machine,
    },
    { publicport: 80, privateport: 80, openfirewall: true },
  );
  const answer = await answererOf(cloud.lab.internet, `http://${ip.address}/`, { timeoutMs: 5000 });
  t.is(answer, String(instance.name));
  t.not(await libvirtd(), first);
});
