// Two orchestrators on one database and one host, both changing the same network.
import { randomInt } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type ApiClient, createApiClient } from '@isthmus/api-client';
import { createHost, silentLog } from '@isthmus/host';
import test from 'ava';
import { waitFor } from '../lab/clients.ts';
import { type Cloud, cloudFor } from '../lab/cloud.ts';

const machine = createHost({ log: silentLog });
const program = fileURLToPath(new URL('../../orchestrator/main.ts', import.meta.url));

interface Second {
  /** Its data folder. */
  readonly data: string;
  /** Starts it and answers with what it printed. */
  start(...args: readonly string[]): Promise<string>;
  kill(): void;
}

/** A second orchestrator on the cloud's database, with a data folder of its own. */
async function secondOf(t: { teardown(end: () => Promise<void>): void }, cloud: Cloud): Promise<Second> {
  const data = `${cloud.lab.run}/var-2`;
  const id = `z${randomInt(36 ** 3)
    .toString(36)
    .padStart(3, '0')}`;
  const installation = { id, publicNetwork: '203.0.113', demo: 'none' };
  await machine.files.makeDirectory(`${data}/credentials`);
  await machine.files.writeText(`${data}/installation.json`, JSON.stringify(installation));
  const socket = encodeURIComponent(`${cloud.lab.run}/postgresql`);
  const masterKey = await readFile(`${cloud.data}/credentials/master.key`, 'utf8');
  const env = {
    ISTHMUS_MASTER_KEY: masterKey.trim(),
    ISTHMUS_DATA: data,
    ISTHMUS_LISTEN: '127.0.0.1:0',
    DATABASE_URL: `postgresql://postgres@localhost/isthmus?host=${socket}`,
  };
  t.teardown(async () => {
    await machine.commands.run(process.execPath, [program, 'destroy'], { env, timeoutMs: 90_000 });
    await rm(data, { recursive: true, force: true });
  });
  let pid = 0;
  let runs = 0;
  const start = async (...args: readonly string[]) => {
    runs += 1;
    const logPath = `${cloud.lab.run}/second-${runs}.log`;
    const words = [program, 'start', '--empty', ...args];
    pid = await machine.commands.startDaemon(process.execPath, words, { logPath, env });
    const ready = async () => (await readFile(logPath, 'utf8')).includes('Ctrl-C stops the orchestrator');
    await waitFor(`the second orchestrator serves (${logPath})`, ready, 60_000);
    return readFile(logPath, 'utf8');
  };
  return { data, start, kill: () => machine.commands.signal(pid, 'SIGKILL') };
}

async function adminOf(data: string): Promise<ApiClient> {
  return createApiClient(JSON.parse(await readFile(`${data}/credentials/admin.json`, 'utf8')));
}

/** Starts a second orchestrator on the cloud's database, with the admin's credentials. */
async function startSecond(
  t: { teardown(end: () => Promise<void>): void },
  cloud: Cloud,
): Promise<{ client: ApiClient; kill(): void }> {
  const second = await secondOf(t, cloud);
  const admin = await readFile(`${cloud.data}/credentials/admin.json`, 'utf8');
  await machine.files.writeText(`${second.data}/credentials/admin.json`, admin);
  await second.start();
  return { client: await adminOf(second.data), kill: second.kill };
}

test('two orchestrators change one network at once: nothing is lost, and the router has what both say', async (t) => {
  const cloud = await cloudFor(t);
  const tenant = await cloud.tenant('alice');
  const web = await tenant.deploy('web');
  const ip = await tenant.sourceNat();
  const second = await startSecond(t, cloud);
  const clients = [cloud.admin, second.client];
  const forward = async (client: ApiClient, publicport: number) => {
    const fixed = { ipaddressid: ip.id, virtualmachineid: web.id, protocol: 'tcp', openfirewall: false };
    const answer = await client.run('createPortForwardingRule', { ...fixed, publicport, privateport: 80 });
    // Each fourth goes again, through the other.
    const { id } = answer.portforwardingrule as { id: string };
    const other = clients[(clients.indexOf(client) + 1) % clients.length] ?? client;
    if (publicport % 4 === 0) await other.run('deletePortForwardingRule', { id });
  };
  const wanted = Array.from({ length: 40 }, (_, index) => 7000 + index);
  await Promise.all(wanted.map((port, index) => forward(clients[index % 2] ?? cloud.admin, port)));
  const expected = wanted.filter((port) => port % 4 !== 0).join();
  const router = await tenant.routerHost();
  const ports = async () => {
    const { stdout } = await router.commands.run('iptables-save', ['-t', 'nat']);
    return [...stdout.matchAll(/--dport (\d+) -j DNAT/g)]
      .map(([, port]) => Number(port))
      .sort()
      .join();
  };
  t.is(await ports(), expected);
  for (const client of clients) {
    const rules = await client.list('listPortForwardingRules', { listall: true, ipaddressid: ip.id });
    t.is(
      rules
        .map(({ publicport }) => Number(publicport))
        .sort()
        .join(),
      expected,
    );
  }

  // One dies with work under way; the other takes over its jobs and its leases.
  const later = Array.from({ length: 10 }, (_, index) => 8000 + index);
  const begun = later.map((port) => forward(second.client, port * 1).catch(() => undefined));
  await machine.clock.sleep(30);
  second.kill();
  await Promise.all(begun);
  const consistent = async () => {
    const rules = await cloud.admin.list('listPortForwardingRules', { listall: true, ipaddressid: ip.id });
    const said = rules
      .map(({ publicport }) => Number(publicport))
      .sort()
      .join();
    return rules.every(({ state }) => state === 'Active') && said === (await ports());
  };
  await waitFor('the survivor ends what the other began', consistent, 60_000);
  await forward(cloud.admin, 9001);
  t.true((await ports()).endsWith(',9001'));
});

test("a second orchestrator without credentials leaves the admin's alone until it is told to renew them", async (t) => {
  const cloud = await cloudFor(t);
  const second = await secondOf(t, cloud);
  const said = await second.start();
  t.regex(said, /credentials +none here: .*Copy credentials\/admin\.json .*npm start -- --renew-admin/s);
  t.false(await machine.files.exists(`${second.data}/credentials/admin.json`));
  t.is((await cloud.admin.list('listZones')).length, 1);
  second.kill();
  await second.start('--renew-admin');
  t.is((await (await adminOf(second.data)).list('listZones')).length, 1);
  await t.throwsAsync(cloud.admin.list('listZones'), { message: /401|verify|credentials/ });
});
