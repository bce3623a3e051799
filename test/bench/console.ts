// Consoles through the proxy, and through Debian's websockify to the same server in the same run. Clients, server and
// proxies are processes of their own.
import { randomBytes, randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createHost, type Host, silentLog } from '@isthmus/host';
import { waitFor } from '../lab/index.ts';
import { closing } from './interrupt.ts';
import { type Benchmark, type Row, rowOf, withGoal } from './result.ts';

const path = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
const memorySessions = 200;
const idleSessions = 1000;
const bothSides = ['own', 'peer'] as const;
type Side = (typeof bothSides)[number];
type Values = Record<Side, number[]>;

/** A port that nobody has on this address. */
async function freePort(address: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const where = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (where === null || typeof where === 'string') throw new Error('no port');
  return where.port;
}

/** Proportional share of the memory of a process and all below it, in KiB. */
async function memoryOf(host: Host, pid: number): Promise<number> {
  const read = async (file: string) => (await host.files.readTextIfExists(`/proc/${pid}/${file}`)) ?? '';
  const own = Number(/^Pss:\s+(\d+) kB/m.exec(await read('smaps_rollup'))?.[1] ?? 0);
  const children = (await read(`task/${pid}/children`)).split(' ').filter((word) => word !== '');
  const below = await Promise.all(children.map((child) => memoryOf(host, Number(child))));
  return below.reduce((sum, each) => sum + each, own);
}

class Consoles {
  readonly #host = createHost({ log: silentLog });
  readonly #folder = `${tmpdir()}/isthmus-bench-${randomBytes(6).toString('hex')}`;
  readonly #pids: number[] = [];
  readonly #where = {} as Record<Side, { pid: number; words: string[] }>;
  readonly #address = `127.${randomInt(1, 255)}.${randomInt(255)}.${randomInt(1, 255)}`;

  async start(): Promise<void> {
    await this.#host.files.makeDirectory(this.#folder);
    const server = await this.#daemon('server', process.execPath, [path('console-server')], /ready (\d+)/);
    const target = server.said[1] ?? '';
    const [own, peer] = [await freePort(this.#address), await freePort(this.#address)].map(String);
    if (own === undefined || peer === undefined) throw new Error('no ports');
    const served = [path('console-served'), this.#address, own, target];
    const { pid } = await this.#daemon('own', process.execPath, served, /ready/);
    this.#where.own = { pid, words: ['own', this.#address, own] };
    const words = [`${this.#address}:${peer}`, `127.0.0.1:${target}`];
    const websockify = await this.#daemon('peer', 'websockify', words, /proxying from/);
    this.#where.peer = { pid: websockify.pid, words: ['peer', this.#address, peer] };
    await waitFor('websockify serves', () => this.measure('peer', 'open', 1).catch(() => false));
  }

  async close(): Promise<void> {
    for (const pid of this.#pids.toReversed()) this.#host.commands.signal(pid, 'SIGTERM');
    await this.#host.files.remove(this.#folder);
  }

  async measure<Result>(side: Side, what: string, ...numbers: number[]): Promise<Result> {
    const words = [path('console-client'), ...this.#where[side].words, what, ...numbers.map(String)];
    const { stdout } = await this.#host.commands.run(process.execPath, words, { timeoutMs: 600_000 });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n', stdout.length - 2) + 1)) as Result;
  }

  /** Milliseconds of both sides, taken in turns. */
  roundTrips(times: number): Promise<Values> {
    return this.measure('own', 'round-trip', times, Number(this.#where.peer.words[2]));
  }

  /** KiB a session, from the memory without any and with `count`; and how many answered in the end. */
  async hold(side: Side, count: number, seconds: number) {
    const before = await memoryOf(this.#host, this.#where[side].pid);
    const words = [path('console-client'), ...this.#where[side].words, 'hold', String(count), String(seconds)];
    const { logPath } = await this.#daemon(`hold-${side}-${count}`, process.execPath, words, /held/);
    const held = await memoryOf(this.#host, this.#where[side].pid);
    const end = await waitFor(
      'the sessions answer',
      async () => {
        const text = (await this.#host.files.readTextIfExists(logPath)) ?? '';
        return /held\n(\d+)\n/.exec(text)?.[1];
      },
      120_000,
    );
    return { before, held, each: (held - before) / count, answered: Number(end) };
  }

  async #daemon(name: string, file: string, words: readonly string[], ready: RegExp) {
    const logPath = `${this.#folder}/${name}-${randomBytes(4).toString('hex')}.log`;
    const pid = await this.#host.commands.startDaemon(file, words, { logPath });
    this.#pids.push(pid);
    const said = await waitFor(
      `${name} is ready`,
      async () => ready.exec((await this.#host.files.readTextIfExists(logPath)) ?? ''),
      120_000,
    );
    return { pid, logPath, said };
  }
}

/** Both sides in turns, the first one alternating. */
async function inTurns(rounds: number, measure: (side: Side) => Promise<number[]>): Promise<Values> {
  const values: Values = { own: [], peer: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? bothSides : bothSides.toReversed())
      values[side].push(...(await measure(side)));
  }
  return values;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function measureTimes(consoles: Consoles, quick: boolean): Promise<Row[]> {
  const rounds = quick ? 4 : 8;
  const open = await inTurns(rounds, (side) => consoles.measure<number[]>(side, 'open', quick ? 15 : 50));
  const opened = rowOf({ what: 'open', unit: 'ms' }, open.own, open.peer);
  const trips: Values = { own: [], peer: [] };
  for (let round = 0; round < rounds; round += 1) {
    const values = await consoles.roundTrips(quick ? 1000 : 5000);
    for (const side of bothSides) trips[side].push(middle(values[side]));
  }
  const trip = rowOf({ what: 'round trip', unit: 'ms' }, trips.own, trips.peer);
  const more = trip.median - (trip.floor ?? 0);
  const rates = await inTurns(rounds, async (side) => [
    await consoles.measure<number>(side, 'throughput', quick ? 500 : 3000),
  ]);
  const rate = rowOf({ what: 'throughput', unit: 'MiB/s' }, rates.own, rates.peer);
  return [
    withGoal(opened, 'at most that of websockify', opened.ratio ?? 0, (opened.ratio ?? 0) <= 1),
    withGoal(trip, 'at most 0.1 ms more than websockify', more, more <= 0.1),
    withGoal(rate, 'at least that of websockify', rate.ratio ?? 0, (rate.ratio ?? 0) >= 1),
  ];
}

async function measureMemory(consoles: Consoles, quick: boolean): Promise<Row[]> {
  const peer = await consoles.hold('peer', memorySessions, 3);
  const own = await consoles.hold('own', memorySessions, 3);
  const n = memorySessions;
  const each = rowOf({ what: 'memory per session', n, unit: 'KiB' }, [own.each], [peer.each]);
  const whole = rowOf({ what: 'memory with its sessions', n, unit: 'KiB' }, [own.held], [peer.held]);
  const idle = await consoles.hold('own', idleSessions, quick ? 5 : 60);
  const held = rowOf({ what: 'idle sessions held', n: idleSessions, unit: '' }, [idle.answered]);
  return [
    withGoal(each, 'at most a tenth of websockify', each.ratio ?? 0, (each.ratio ?? 0) <= 0.1),
    whole,
    withGoal(held, 'all answer', idle.answered, idle.answered === idleSessions),
  ];
}

export const consoles: Benchmark = {
  about: 'consoles through the proxy, beside websockify: open, round trip, throughput, memory, 1,000 idle sessions',
  needs: ['websockify'],
  run: async ({ quick, say }) => {
    const consoles = new Consoles();
    const close = closing(() => consoles.close());
    try {
      await consoles.start();
      say('server, proxy and websockify serve');
      // Before anything else, so that what earlier sessions left does not count.
      const memory = await measureMemory(consoles, quick);
      say('memory and idle sessions');
      return [...(await measureTimes(consoles, quick)), ...memory];
    } finally {
      await close();
    }
  },
};
