// The API of a whole cloud: an orchestrator, a host agent and a router, each a process of its own, and real connections.
import { createHost, silentLog } from '@isthmus/host';
import { createCloud, type Instance, type PublicIp, type Tenant } from '../lab/cloud.ts';
import { closing } from './interrupt.ts';
import { type Ask, startProgram } from './program.ts';
import { type Benchmark, CannotRunError, type Row, rowOf, timed, withGoal } from './result.ts';

/** A tenant's network with an instance that serves HTTP on port 80. */
interface Site {
  readonly tenant: Tenant;
  readonly web: Instance;
  /** Connects from the internet. */
  readonly connector: Ask;
}

const concurrency = 16;

async function connects({ connector }: Site, { address }: PublicIp, port: number, timeoutMs: number): Promise<boolean> {
  return (await connector(`${address} ${port} ${timeoutMs}`)) === 'connected';
}

/** One rule from the call until its job is done and a connection passes. `port` must be closed before. */
async function inForce(site: Site, ip: PublicIp, port: number, call: () => Promise<unknown>): Promise<number> {
  if (await connects(site, ip, port, 100)) throw new Error(`port ${port} of ${ip.address} is open before its rule`);
  return timed(async () => {
    await call();
    if (!(await connects(site, ip, port, 900)))
      throw new Error(`port ${port} of ${ip.address} is closed after its rule`);
  });
}

async function callToRule(site: Site, rounds: number): Promise<Row[]> {
  const { tenant, web } = site;
  const [opened, forwarded] = [await tenant.associate(), await tenant.associate()];
  await tenant.openIngress(opened, { protocol: 'tcp', startport: 1, endport: 65_535 });
  const ports = Array.from({ length: rounds + 1 }, (_, round) => 8000 + round);
  for (const publicport of ports) await tenant.forward(forwarded, web, { publicport, privateport: 80 });
  const [forwards, rules]: [number[], number[]] = [[], []];
  for (const [round, port] of ports.entries()) {
    const forward = await inForce(site, opened, port, () =>
      tenant.forward(opened, web, { publicport: port, privateport: 80 }),
    );
    const rule = await inForce(site, forwarded, port, () =>
      tenant.openIngress(forwarded, { protocol: 'tcp', startport: port, endport: port }),
    );
    // The first warms caches and code, and does not count.
    if (round === 0) continue;
    forwards.push(forward);
    rules.push(rule);
  }
  const what = 'call to rule in force';
  return [
    rowOf({ what, unit: 'ms' }, [...forwards, ...rules]),
    rowOf({ what: `${what}: createPortForwardingRule`, unit: 'ms' }, forwards),
    rowOf({ what: `${what}: createFirewallRule`, unit: 'ms' }, rules),
  ].map((row) => withGoal(row, 'p50 at most 150 ms', row.median, row.median <= 150));
}

/** Does all the work, so many at a time. */
async function concurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return results;
}

/** Acknowledged generations of the router's document: pushes that it took. */
async function acknowledged({ tenant }: Site): Promise<number> {
  const router = await tenant.router();
  const row = await tenant.cloud.db
    .selectFrom('router_document')
    .select('acknowledged_generation')
    .where('router_id', '=', String(router.id))
    .executeTakeFirstOrThrow();
  return row.acknowledged_generation;
}

interface Burst {
  readonly perSecond: number;
  readonly pushes: number;
}

async function burst<Result>(site: Site, calls: number, work: () => Promise<Result>): Promise<[Burst, Result]> {
  const before = await acknowledged(site);
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  return [{ perSecond: calls / seconds, pushes: (await acknowledged(site)) - before }, result];
}

/** `deletes`: how the rules go is measured too; otherwise they stay. */
async function callsPerSecond(
  site: Site,
  options: { readonly calls: number; readonly rounds: number; readonly deletes: boolean },
): Promise<Row[]> {
  const { calls, rounds, deletes } = options;
  const { tenant } = site;
  const ip = await tenant.associate();
  const ports = Array.from({ length: calls }, (_, index) => 10_000 + index);
  const [creating, deleting]: [Burst[], Burst[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const [created, ids] = await burst(site, calls, () =>
      concurrently(ports, (port) => tenant.openIngress(ip, { protocol: 'tcp', startport: port, endport: port })),
    );
    creating.push(created);
    if (!deletes) continue;
    const [deleted] = await burst(site, calls, () =>
      concurrently(ids, (id) => tenant.client.run('deleteFirewallRule', { id })),
    );
    deleting.push(deleted);
  }
  const speed = (bursts: readonly Burst[]) => bursts.map(({ perSecond }) => perSecond);
  const pushes = (bursts: readonly Burst[]) => bursts.map(({ pushes }) => pushes);
  const rowsOf = (suffix: string, bursts: readonly Burst[]) => [
    rowOf({ what: `calls per second${suffix}`, n: calls, unit: '1/s' }, speed(bursts)),
    rowOf({ what: `pushes for these calls${suffix}`, n: calls, unit: 'pushes' }, pushes(bursts)),
  ];
  return [...rowsOf('', creating), ...(deletes ? rowsOf(': deleteFirewallRule', deleting) : [])];
}

export const api: Benchmark = {
  about: 'from an API call to its rule in force, and many calls at once',
  needs: ['ebtables-nft', 'udhcpc'],
  run: async ({ quick, say }) => {
    if (!(await createHost({ log: silentLog }).files.exists('/usr/lib/postgresql'))) {
      throw new CannotRunError('PostgreSQL is not installed');
    }
    say('an orchestrator, a zone, a network and an instance');
    const cloud = await createCloud({ logLevel: 'silent' });
    const close = closing(() => cloud.teardown());
    try {
      const tenant = await cloud.tenant('bench');
      const web = await tenant.deploy('web');
      const site = { tenant, web, connector: await startProgram(cloud.lab, cloud.lab.internet, 'connector') };
      say('from call to rule in force');
      const single = await callToRule(site, quick ? 15 : 50);
      say(`1,000 calls, ${concurrency} at a time`);
      return [...single, ...(await callsPerSecond(site, { calls: 1000, rounds: quick ? 1 : 3, deletes: !quick }))];
    } finally {
      await close();
    }
  },
};
