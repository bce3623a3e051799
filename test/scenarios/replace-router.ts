// restartNetwork with cleanup: a new router takes the place of the old one, and nobody notices.
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Cloud, createCloud, type Instance, type PublicIp, type Tenant } from '../lab/cloud.ts';
import { watchGateway } from '../lab/gateway-watch.ts';
import { answererOf, dig, internet, type LabOptions, type Stream, waitFor } from '../lab/index.ts';
import { askUntilAnswered, runThroughCrashes } from '../lab/patience.ts';

let cloud: Cloud;

/** How long connections are watched, how often the router is replaced meanwhile, and what may be lost each time. */
export interface ReplacementWatch {
  readonly streamMs: number;
  readonly replacements: number;
  readonly mostLostMs: number;
}

const pingEveryMs = 20;
const gateway = '10.1.1.1';

/** A ping each 20 ms. */
class Pinging {
  readonly #pid: number;
  readonly #logPath: string;

  private constructor(pid: number, logPath: string) {
    this.#pid = pid;
    this.#logPath = logPath;
  }

  static async start(host: Instance['host'], address: string): Promise<Pinging> {
    const args = ['-n', '-D', '-i', String(pingEveryMs / 1000), address];
    const { pid, logPath } = await cloud.lab.startDaemon(host, 'ping', args);
    const pinging = new Pinging(pid, logPath);
    await waitFor(`${address} answers`, async () => (await pinging.#answers()).length > 0);
    return pinging;
  }

  /** Milliseconds since the epoch, and the number of the request. */
  async #answers(): Promise<{ at: number; sequence: number }[]> {
    const log = await cloud.lab.machine.files.readText(this.#logPath);
    return [...log.matchAll(/^\[([\d.]+)\] .*icmp_seq=(\d+) ttl/gm)].map(([, at, sequence]) => {
      return { at: Number(at) * 1000, sequence: Number(sequence) };
    });
  }

  /** How many got no answer between the first and the last that did, and the longest time without one. */
  async stop(): Promise<{ lostMs: number; longestGapMs: number; answered: number }> {
    cloud.lab.machine.commands.signal(this.#pid, 'SIGINT');
    const answers = await this.#answers();
    const sequences = new Set(answers.map(({ sequence }) => sequence));
    const [first = 0, last = 0] = [Math.min(...sequences), Math.max(...sequences)];
    const gaps = answers.map(({ at }, index) => at - (answers[index - 1]?.at ?? at));
    return {
      lostMs: (last - first + 1 - sequences.size) * pingEveryMs,
      longestGapMs: Math.round(Math.max(...gaps)),
      answered: sequences.size,
    };
  }
}

interface Served {
  readonly tenant: Tenant;
  readonly web: Instance;
  readonly other: Instance;
  readonly ip: PublicIp;
  /** Of `other`, by static NAT. */
  readonly own: PublicIp;
}

/** A network with a forward to one guest and a static NAT to another, and all that may go out. */
async function served(name: string): Promise<Served> {
  const tenant = await cloud.tenant(name);
  const [web, other] = await Promise.all([tenant.deploy('web'), tenant.deploy('other')]);
  const [ip, own] = [await tenant.sourceNat(), await tenant.associate()];
  await cloud.lab.startEcho(web.host, web.address, { http: 8081, echo: 7 });
  await tenant.forward(ip, web, { publicport: 7007, privateport: 7, openfirewall: true });
  await tenant.forward(ip, web, { publicport: 80, privateport: 80, openfirewall: true });
  await tenant.client.run('enableStaticNat', { ipaddressid: own.id, virtualmachineid: other.id });
  await tenant.openIngress(own, { protocol: 'icmp', icmptype: -1, icmpcode: -1 });
  await tenant.egressRule({ protocol: 'all' });
  return { tenant, web, other, ip, own };
}

async function routersOf(tenant: Tenant): Promise<string[]> {
  const routers = await askUntilAnswered(() =>
    cloud.admin.list('listRouters', { networkid: tenant.networkId, listall: true }),
  );
  return routers.map(({ id }) => String(id));
}

/** Exactly one router of the network is in the rows and on the host, and its ports are lit. */
async function assertOneRouter(t: ExecutionContext, tenant: Tenant): Promise<void> {
  const ids = await routersOf(tenant);
  t.is(ids.length, 1);
  const carried = await cloud.lab.appliances();
  const rows = await cloud.db.selectFrom('router').select(['id', 'network_id']).execute();
  const others = new Set(rows.filter((row) => row.network_id !== tenant.networkId).map(({ id }) => id));
  const own = carried.filter(({ id }) => !others.has(id));
  t.deepEqual(
    own.map(({ id, state, dark }) => ({ id, state, dark })),
    [{ id: ids[0] ?? '', state: 'Running', dark: undefined }],
  );
}

async function startStreams({ web, ip }: Served): Promise<Record<string, Stream>> {
  const ways = ['inwards', 'outwards'].flatMap((way) => [1, 2, 3].map((number) => [way, `${way} ${number}`] as const));
  const started = ways.map(async ([way, name]) => {
    const stream =
      way === 'inwards'
        ? await cloud.lab.startStream(cloud.lab.internet, ip.address, 7007)
        : await cloud.lab.startStream(web.host, internet.server, 7);
    return [name, stream] as const;
  });
  return Object.fromEntries(await Promise.all(started));
}

/** A change of a rule, tried right away. */
async function changeRules(t: ExecutionContext, { tenant, web, ip }: Served, publicport: number): Promise<void> {
  const id = await tenant.forward(ip, web, { publicport, privateport: 80, openfirewall: true });
  t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:${publicport}/`), 'web');
  await tenant.client.run('deletePortForwardingRule', { id });
  t.is(await answererOf(cloud.lab.internet, `http://${ip.address}:${publicport}/`, { timeoutMs: 500 }), null);
}

/** A router is replaced under the eyes of connections and pings, on a cloud of these hosts. */
export function replaceRouter(watch: ReplacementWatch, options: LabOptions = {}): void {
  // One after the other: the second kills the orchestrator.
  const scenario = test.serial;
  test.before(async () => {
    cloud = await createCloud(options);
  });
  test.after.always(() => cloud?.teardown());

  scenario(
    `connections of ${watch.streamMs / 1000} s live through restartNetwork with cleanup, and at most ${watch.mostLostMs} ms of pings are lost`,
    async (t) => {
      const all = await served('streams');
      const { tenant, web, other, ip, own } = all;
      const start = performance.now();
      const streams = await startStreams(all);
      const pings = {
        outwards: await Pinging.start(web.host, internet.server),
        'to static NAT': await Pinging.start(cloud.lab.internet, own.address),
        'to the gateway': await Pinging.start(other.host, gateway),
      };
      const watched = { host: web.host, macAddress: web.macAddress, address: web.address, gateway };
      const watcher = options.hosts === undefined ? await watchGateway(cloud.lab, watched) : null;
      for (let round = 0; round < watch.replacements; round += 1) {
        const [before] = await routersOf(tenant);
        const began = performance.now();
        await tenant.client.run('restartNetwork', { id: tenant.networkId, cleanup: true });
        t.log(`replaced in ${Math.round(performance.now() - began)} ms`);
        await changeRules(t, all, 8100 + round);
        const [after] = await routersOf(tenant);
        t.not(after, before);
        const agent = await cloud.routerAgent(after ?? '');
        t.true((await agent.state()).dnsmasq?.includes(web.address), 'the lease is kept');
        t.deepEqual(await dig(web.host, gateway, 'other'), [other.address]);
        t.is(await answererOf(cloud.lab.internet, `http://${ip.address}/`), 'web');
        await assertOneRouter(t, tenant);
      }
      await sleep(Math.max(0, start + watch.streamMs - performance.now()));
      for (const [way, pinging] of Object.entries(pings)) {
        const { lostMs, longestGapMs, answered } = await pinging.stop();
        t.log(
          `pings ${way}: ${answered} answered, ${lostMs} ms lost in ${watch.replacements} replacements, longest gap ${longestGapMs} ms`,
        );
        t.true(lostMs <= watch.mostLostMs * watch.replacements, `pings ${way}: ${lostMs} ms lost`);
      }
      for (const [name, stream] of Object.entries(streams)) {
        const { error, longestGapMs, sent, received } = await stream.stop();
        t.log(`${name}: ${received} of ${sent} echoes, longest gap ${longestGapMs} ms`);
        t.is(error, null, name);
        t.true(received > 0.8 * sent, name);
      }
      const report = await watcher?.stop();
      t.log(JSON.stringify(report));
      t.deepEqual(report?.doubled ?? [], []);
    },
  );

  if (options.hosts !== undefined) return;
  scenario('wherever the orchestrator is killed, one router serves in the end, and connections live', async (t) => {
    const all = await served('killed');
    const { tenant, web } = all;
    const streams = await startStreams(all);
    const watched = { host: web.host, macAddress: web.macAddress, address: web.address, gateway };
    const watcher = await watchGateway(cloud.lab, watched);
    for (const delayMs of [60, 200, 350, 500]) {
      const restart = runThroughCrashes(tenant.client, 'restartNetwork', { id: tenant.networkId, cleanup: true });
      await sleep(delayMs);
      await cloud.killOrchestrator('SIGKILL');
      const half = (await cloud.lab.appliances()).length - 1;
      await cloud.startOrchestrator();
      const outcome = await restart;
      t.log(`killed after ${delayMs} ms, ${half} routers beside it: ${JSON.stringify(outcome)}`);
      t.not(outcome.kind, 'failed');
      await assertOneRouter(t, tenant);
      await changeRules(t, all, 8200);
    }
    for (const [name, stream] of Object.entries(streams)) {
      const { error, longestGapMs } = await stream.stop();
      t.log(`${name}: longest gap ${longestGapMs} ms`);
      t.is(error, null, name);
    }
    t.deepEqual((await watcher.stop()).doubled, []);
  });
}
