// One account network whose router and instance are virtual machines: what each gets of the other, and what survives.

import { readFile } from 'node:fs/promises';
import type { Host } from '@isthmus/host';
import test from 'ava';
import { domainName } from '../../host-agent/src/drivers/libvirt/machine-names.ts';
import {
  type Picture,
  pictureOf,
  typeByPanel,
  waitForConsole,
  waitForPicture,
  waitForState,
} from '../browser/console-view.ts';
import { ConsoleVisitor, computes } from '../browser/console-visitor.ts';
import { balance } from '../lab/balanced.ts';
import {
  type Cloud,
  createCloud,
  type Instance,
  objectIn,
  objectsIn,
  type PublicIp,
  type Tenant,
} from '../lab/cloud.ts';
import { answererOf, findLeaks, internet, seenAs, waitFor } from '../lab/index.ts';
import { documentedPorts, openPorts } from '../lab/port-scan.ts';

const briefly = { timeoutMs: 1500 };
const patiently = { timeoutMs: 5000 };

let cloud: Cloud;
let tenant: Tenant;
let web: Instance;
let ip: PublicIp;
test.before(async (t) => {
  t.timeout(900_000);
  cloud = await createCloud({ hosts: ['libvirt'] });
  tenant = await cloud.tenant('alice', { network: { networkdomain: 'alice.example' } });
  web = await tenant.deploy('web', { userdata: Buffer.from('#cloud-config of web').toString('base64') });
  ip = await tenant.sourceNat();
});
test.after.always(async () => {
  await cloud?.teardown();
});

/** A page as the instance gets it, that of the server on the internet by default; null where it gets none. */
async function fetched(url = `http://${internet.server}/`): Promise<string | null> {
  // Not by the time-out of wget itself: that of a static busybox ends in a segmentation fault.
  const args = ['4', 'wget', '-q', '-O', '-', url];
  const { exitCode, stdout } = await web.host.commands.run('timeout', args, {
    okCodes: [0, 1, 143],
    timeoutMs: 20_000,
  });
  return exitCode === 0 ? stdout : null;
}

test.serial('a guest VM leases its address, route, name server and name from the router VM', async (t) => {
  const run = async (file: string, ...args: string[]) => (await web.host.commands.run(file, args)).stdout.trim();
  t.regex(await run('ip', '-4', 'address', 'show', 'dev', 'eth0'), new RegExp(`inet ${web.address}/24 `));
  t.regex(await run('ip', 'route'), /^default via 10\.1\.1\.1 dev eth0/m);
  t.is(await run('hostname'), 'web');
  t.regex(await run('cat', '/etc/resolv.conf'), /nameserver 10\.1\.1\.1/);
  t.regex(await run('nslookup', 'web.alice.example', '10.1.1.1'), new RegExp(`Address(?: 1)?: ${web.address}`));
});

test.serial('a guest VM reads what it is from the router VM, on every address of metadata', async (t) => {
  t.is(await fetched('http://169.254.169.254/latest/user-data'), '#cloud-config of web');
  t.is(await fetched('http://169.254.169.254/latest/meta-data/instance-id'), web.id);
  t.is(await fetched('http://10.1.1.1/latest/meta-data/local-ipv4'), web.address);
});

test.serial('egress is denied until a rule opens it, and leaves from the source NAT address', async (t) => {
  t.is(await fetched(), null);
  await tenant.egressRule({ protocol: 'tcp', startport: 80, endport: 80 });
  t.regex((await fetched()) ?? '', new RegExp(`^client: ${ip.address.replaceAll('.', '\\.')}$`, 'm'));
});

test.serial(
  'the internet reaches the guest through the forwarded port alone, and only where a rule opens it',
  async (t) => {
    const { internet: outside } = cloud.lab;
    const url = `http://${ip.address}:8080/`;
    await tenant.forward(ip, web, { publicport: 8080, privateport: 80 });
    t.is(await answererOf(outside, url, briefly), null);
    await tenant.openIngress(ip, {
      protocol: 'tcp',
      startport: 8080,
      endport: 8081,
      cidrlist: `${internet.clients[0]}/32`,
    });
    t.is(await answererOf(outside, url, { from: internet.clients[0], ...patiently }), 'web');
    t.is(await seenAs(outside, url, { from: internet.clients[0], ...patiently }), internet.clients[0]);
    t.is(await answererOf(outside, url, { from: internet.clients[1], ...briefly }), null);
    t.is(await answererOf(outside, `http://${ip.address}:8081/`, { from: internet.clients[0], ...briefly }), null);
    await tenant.openIngress(ip, { protocol: 'tcp', startport: 8080, endport: 8080 });
    t.is(await answererOf(outside, url, patiently), 'web');
  },
);

test.serial(
  'the router VM shows the documented ports to each side, and to the public only what the tenant opened',
  async (t) => {
    t.timeout(240_000);
    const { hypervisors, internet: outside } = cloud.lab;
    const guest = await hypervisors.plugGuest(0, {
      name: 'scanner',
      macAddress: '02:00:00:00:00:77',
      address: '10.1.1.250/24',
    });
    const router = await tenant.router();
    // The rules are those of router-ports.test.ts, which asks for every port: an emulated processor takes a minute for it.
    const scanned = (from: Host, address: string) => openPorts(from, address, undefined, '1-4096');
    const sides = await Promise.all([
      scanned(guest, '10.1.1.1'),
      scanned(outside, ip.address),
      scanned(hypervisors.at(0).host, String(router.linklocalip)),
    ]);
    t.deepEqual(sides, [await documentedPorts('guest'), ['TCP 8080'], await documentedPorts('control')]);
    t.deepEqual(await documentedPorts('public'), []);
  },
);

test.serial('the router VM balances load, finds itself well, and counts what passes', async (t) => {
  await balance(tenant, ip, { publicport: 8088, privateport: 80, members: [web] });
  t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:8088/`, patiently), 'web');
  const routerid = String((await tenant.router()).id);
  const values = { routerid, performfreshchecks: true };
  const ill = async () => {
    const found = objectIn(await cloud.admin.run('getRouterHealthCheckResults', values), 'routerhealthchecks');
    return objectsIn(found, 'healthchecks').filter(({ status }) => status !== 'SUCCESS');
  };
  // An emulated processor that others share may be late for one of them.
  await waitFor('every check succeeds', async () => (await ill()).length === 0, 120_000);
  const counted = async () => {
    await cloud.admin.run('generateUsageRecords', {});
    const enddate = new Date().toISOString().slice(0, 10);
    const records = await tenant.client.list('listUsageRecords', { startdate: '2020-01-01', enddate, usageid: ip.id });
    return records.map(({ usagetype, rawusage }) => [usagetype, Number(rawusage) > 0]);
  };
  t.deepEqual((await counted()).toSorted(), [
    [4, true],
    [5, true],
  ]);
});

test.serial(
  'router and guest go on through kill -9 of host agent and orchestrator, and take changes after it',
  async (t) => {
    const { internet: outside } = cloud.lab;
    const url = `http://${ip.address}:8080/`;
    const { id } = await tenant.router();
    const before = await cloud.lab.hypervisors.emulators('r', String(id));
    await cloud.lab.killHostAgent('SIGKILL');
    t.is(await answererOf(outside, url, patiently), 'web', 'without a host agent');
    await cloud.lab.startHostAgent();
    await cloud.killOrchestrator('SIGKILL');
    t.is(await answererOf(outside, url, patiently), 'web', 'without an orchestrator');
    await cloud.startOrchestrator();
    await tenant.forward(ip, web, { publicport: 9090, privateport: 80, openfirewall: true });
    t.is(await answererOf(outside, `http://${ip.address}:9090/`, patiently), 'web');
    t.deepEqual(await cloud.lab.hypervisors.emulators('r', String(id)), before, 'the same QEMU');
  },
);

test.serial("kill -9 of the router's QEMU is healed: it returns by itself with its last document", async (t) => {
  const { hypervisors, internet: outside, machine } = cloud.lab;
  const id = String((await tenant.router()).id);
  const [before] = await hypervisors.emulators('r', id);
  const began = performance.now();
  t.true(machine.commands.signal(before?.pid ?? 0, 'SIGKILL'));
  const url = `http://${ip.address}:9090/`;
  await waitFor('it is gone', async () => (await answererOf(outside, url, { timeoutMs: 300 })) === null);
  t.is(await waitFor('the forward', () => answererOf(outside, url, briefly), 120_000), 'web');
  t.log(`served again after ${Math.round(performance.now() - began)} ms`);
  t.is(await answererOf(outside, `http://${ip.address}:8080/`, patiently), 'web');
  t.not(await fetched(), null, 'and out');
  const after = await hypervisors.emulators('r', id);
  t.is(after.length, 1);
  t.not(after[0]?.pid, before?.pid);
  await waitFor('it counts as running', async () => (await tenant.router()).state === 'Running', 60_000);
  await tenant.forward(ip, web, { publicport: 9091, privateport: 80, openfirewall: true });
  t.is(await answererOf(outside, `http://${ip.address}:9091/`, patiently), 'web', 'it takes changes');
});

/** The screen of the instance as QEMU itself has it. */
async function screenOf(visitor: ConsoleVisitor, id: string): Promise<Picture> {
  const { lab } = cloud;
  const [hypervisor] = lab.hypervisors.all;
  if (hypervisor === undefined) throw new Error('the lab has no hypervisor');
  const file = `${lab.run}/screen`;
  const words = ['screenshot', domainName(lab.installation, 'i', id), file];
  await hypervisor.host.commands.run('virsh', ['--quiet', '--connect', 'qemu:///system', ...words]);
  return visitor.decode(await readFile(hypervisor.path(file)));
}

test.serial('the screen of a guest VM comes into a browser through a proxy VM, and keys go back', async (t) => {
  t.timeout(420_000);
  await cloud.configure('consoleproxy.launch.max', 1);
  const visitor = await ConsoleVisitor.arrive(cloud);
  t.teardown(() => visitor.leave());
  const page = await visitor.look(t, tenant, web.id);
  t.is(await waitForPicture(page, () => screenOf(visitor, web.id), 60_000), 0, 'the browser shows what QEMU has');
  const before = await pictureOf(page);
  await page.locator('.view canvas').click();
  // Keys as a keyboard has them: what needs Shift comes with it.
  await page.keyboard.type('clear; expr 40 ');
  await page.keyboard.press('Shift+Equal');
  await page.keyboard.type(' 2 ');
  await page.keyboard.press('Shift+Backslash');
  await page.keyboard.type(' tee /tmp/typed\n');
  const typed = async () => (await web.host.commands.run('cat', ['/tmp/typed'], { okCodes: [0, 1] })).stdout.trim();
  await waitFor('the guest has what was typed', async () => (await typed()) === '42', 60_000);
  t.is(await waitForPicture(page, () => screenOf(visitor, web.id), 60_000), 0, 'and its answer');
  t.notDeepEqual((await pictureOf(page)).points, before.points);
  // By layout and key codes, as a person pastes who cannot paste.
  await typeByPanel(page, 'echo "Pasted: {~|}" > /tmp/pasted\n');
  const pasted = async () => (await web.host.commands.run('cat', ['/tmp/pasted'], { okCodes: [0, 1] })).stdout.trim();
  await waitFor('the guest has what was pasted', async () => (await pasted()) === 'Pasted: {~|}', 60_000);

  const serial = await visitor.look(t, tenant, web.id, { console: 'serial' });
  await computes(serial, 41);
  await waitForState(page, /In control|Connected/);
  await waitForConsole(page);
});

test.serial('nothing of it remains', async (t) => {
  const { machine, installation } = cloud.lab;
  t.true((await findLeaks(machine, installation)).length > 0);
  await cloud.teardown();
  t.deepEqual(await findLeaks(machine, installation), []);
});
