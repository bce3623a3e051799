// The operation `load-balancer-statistics`: what each rule and member has counted, and how its checks find it.
import type { OperationAnswer } from '@isthmus/contract';
import { parseStatistics, runtime, type StatisticsRow } from '@isthmus/haproxy-config';
import type { Host } from '@isthmus/host';
import { CounterSums, countKey, countsOf } from './counters.ts';
import { type HaproxyDaemon, HaproxyError } from './daemon.ts';
import type { HaproxyLayout } from './layout.ts';
import type { BalancerEntries } from './proxies.ts';
import { SocketError } from './socket.ts';

/** Live workers keep their own counts, so the file is only for what ends with a worker. */
const saveEveryMs = 10_000;

type Answer = OperationAnswer<'load-balancer-statistics'>;
type MemberState = Answer['members'][number]['state'];

function stateOf(row: StatisticsRow | undefined, isDraining: boolean): MemberState {
  const isDown = row?.status.startsWith('DOWN') === true;
  if (isDraining && !isDown) return 'draining';
  if (row === undefined) return 'unchecked';
  if (row.status.startsWith('UP')) return row.checkStatus === 'INI' || row.checkStatus === '' ? 'unchecked' : 'up';
  return isDown || row.status.startsWith('NOLB') ? 'down' : 'unchecked';
}

function lastCheckOf(row: StatisticsRow | undefined): string {
  if (row === undefined || row.checkStatus === 'INI') return '';
  return row.checkCode === null ? row.checkStatus : `${row.checkStatus}/${row.checkCode}`;
}

/** Counts of rules and members over all workers, those that have ended too. */
export class BalancerStatistics {
  readonly #host: Pick<Host, 'files' | 'clock'>;
  readonly #daemon: HaproxyDaemon;
  readonly #path: string;
  #sums: CounterSums | null = null;
  #written = '';
  #savedAtMs = 0;

  constructor(host: Pick<Host, 'files' | 'clock'>, daemon: HaproxyDaemon, layout: HaproxyLayout) {
    this.#host = host;
    this.#daemon = daemon;
    this.#path = layout.counters;
  }

  /** Looks at every worker, keeps what it counted, and answers with the rows of the one that serves. Null: before a reload. */
  async look(entries: BalancerEntries | null): Promise<StatisticsRow[]> {
    const sums = await this.#read();
    const { worker, former } = await this.#workers();
    let rows: StatisticsRow[] = [];
    for (const pid of former) {
      const found = await this.#rowsOf(pid);
      if (found !== null) sums.look(pid, countsOf(found));
    }
    if (worker !== null) {
      rows = (await this.#rowsOf(worker)) ?? [];
      sums.look(worker, countsOf(rows));
    }
    sums.keep(worker === null ? former : [worker, ...former]);
    if (entries !== null) sums.prune((key) => isThere(key, entries));
    const nowMs = this.#host.clock.monotonicMs();
    if (entries === null || nowMs - this.#savedAtMs > saveEveryMs) await this.#save(sums, nowMs);
    return rows;
  }

  async answer(entries: BalancerEntries): Promise<Answer> {
    const rows = new Map((await this.look(entries)).map((row) => [countKey(row) ?? '', row]));
    const sums = await this.#read();
    const rules = [...entries.rules.keys()].map((rule) => {
      const { total, denied, bytesIn, bytesOut } = sums.sum(rule);
      const currentConnections = rows.get(rule)?.current ?? 0;
      return { rule, currentConnections, totalConnections: total, deniedConnections: denied, bytesIn, bytesOut };
    });
    const members = [...entries.rules.keys()].flatMap((rule) =>
      [...entries.members(rule)].map(([member, { draining }]) => {
        const row = rows.get(`${rule}/${member}`);
        const { total, bytesIn, bytesOut } = sums.sum(`${rule}/${member}`);
        const state = stateOf(row, draining === true);
        const currentConnections = row?.current ?? 0;
        const lastCheck = lastCheckOf(row);
        return { rule, member, state, lastCheck, currentConnections, totalConnections: total, bytesIn, bytesOut };
      }),
    );
    return { rules, members };
  }

  async #workers(): Promise<{ readonly worker: number | null; readonly former: readonly number[] }> {
    if ((await this.#daemon.master()) === null) return { worker: null, former: [] };
    return this.#daemon.processes();
  }

  /** Null where the worker ended in between. */
  async #rowsOf(pid: number): Promise<StatisticsRow[] | null> {
    try {
      return parseStatistics((await this.#daemon.tell([runtime.showStatistics()], pid)).join('\n'));
    } catch (error) {
      const isGone = error instanceof SocketError || error instanceof HaproxyError;
      if (isGone || (error instanceof Error && error.name === 'InvalidValueError')) return null;
      throw error;
    }
  }

  async #read(): Promise<CounterSums> {
    if (this.#sums !== null) return this.#sums;
    this.#written = (await this.#host.files.readTextIfExists(this.#path)) ?? '';
    this.#sums = CounterSums.parse(this.#written);
    return this.#sums;
  }

  async #save(sums: CounterSums, nowMs: number): Promise<void> {
    this.#savedAtMs = nowMs;
    const text = sums.text();
    if (text === this.#written) return;
    await this.#host.files.makeDirectory(this.#path.slice(0, this.#path.lastIndexOf('/')), { mode: 0o700 });
    await this.#host.files.writeText(this.#path, text, { mode: 0o600 });
    this.#written = text;
  }
}

function isThere(key: string, entries: BalancerEntries): boolean {
  const [rule = '', member] = key.split('/');
  return member === undefined ? entries.rules.has(rule) : entries.members(rule).has(member);
}
