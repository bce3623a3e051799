// What the workers of HAProxy have counted, summed over those that are gone, and kept over restarts of the agent.
import type { StatisticsRow } from '@isthmus/haproxy-config';
import { memberIdOf, ruleIdOf } from '@isthmus/templates/load-balancing';

/** Of a rule, or of a member of it. `denied`: by the rule's list of sources. */
export interface Count {
  readonly total: number;
  readonly denied: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** By `RULE` and by `RULE/MEMBER`, entry ids. */
export type Counts = ReadonlyMap<string, Count>;

const none: Count = { total: 0, denied: 0, bytesIn: 0, bytesOut: 0 };

function plus(a: Count, b: Count): Count {
  return {
    total: a.total + b.total,
    denied: a.denied + b.denied,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
  };
}

function isLess(a: Count, b: Count): boolean {
  return a.total < b.total || a.denied < b.denied || a.bytesIn < b.bytesIn || a.bytesOut < b.bytesOut;
}

/** The key of a row in `Counts`; null where it is neither a rule's listener nor a member. */
export function countKey({ proxy, server }: Pick<StatisticsRow, 'proxy' | 'server'>): string | null {
  const rule = ruleIdOf(proxy);
  if (rule === null) return null;
  if (server === 'FRONTEND') return rule;
  const member = memberIdOf(server);
  return member === null ? null : `${rule}/${member}`;
}

/** What one worker's statistics say. */
export function countsOf(rows: readonly StatisticsRow[]): Counts {
  return new Map(
    rows.flatMap((row) => {
      const key = countKey(row);
      const { total, denied, bytesIn, bytesOut } = row;
      return key === null ? [] : [[key, { total, denied, bytesIn, bytesOut }] as const];
    }),
  );
}

interface Saved {
  readonly gone: Record<string, Count>;
  readonly workers: Record<string, Record<string, Count>>;
}

/**
 * Sums. A worker counts from zero and is looked at again and again; when it is gone, what it was seen with last stays. So
 * nothing counts twice, and of a worker that ends only what it counted after the last look is missing.
 */
export class CounterSums {
  readonly #gone = new Map<string, Count>();
  readonly #workers = new Map<number, Counts>();

  /** Reads `text()`. An empty sum where it is none. */
  static parse(text: string): CounterSums {
    const sums = new CounterSums();
    try {
      const { gone, workers } = JSON.parse(text) as Saved;
      for (const [key, count] of Object.entries(gone)) sums.#gone.set(key, count);
      for (const [pid, counts] of Object.entries(workers))
        sums.#workers.set(Number(pid), new Map(Object.entries(counts)));
    } catch {
      return new CounterSums();
    }
    return sums;
  }

  text(): string {
    const saved: Saved = {
      gone: Object.fromEntries(this.#gone),
      workers: Object.fromEntries([...this.#workers].map(([pid, counts]) => [pid, Object.fromEntries(counts)])),
    };
    return `${JSON.stringify(saved)}\n`;
  }

  /** What a worker has counted until now. A process id that counts less than before is another worker's. */
  look(pid: number, counts: Counts): void {
    const before = this.#workers.get(pid);
    const isAnother = [...counts].some(([key, count]) => isLess(count, before?.get(key) ?? none));
    if (isAnother) this.#end(pid);
    // A member that was deleted has no row any more, and what it counted stays.
    const deleted = isAnother ? [] : [...(before ?? [])].filter(([key]) => !counts.has(key));
    this.#workers.set(pid, new Map([...counts, ...deleted]));
  }

  /** Workers other than these are gone. */
  keep(pids: readonly number[]): void {
    for (const pid of [...this.#workers.keys()]) if (!pids.includes(pid)) this.#end(pid);
  }

  #end(pid: number): void {
    for (const [key, count] of this.#workers.get(pid) ?? [])
      this.#gone.set(key, plus(this.#gone.get(key) ?? none, count));
    this.#workers.delete(pid);
  }

  /** Forgets rules and members that are no more. */
  prune(isKept: (key: string) => boolean): void {
    for (const key of [...this.#gone.keys()]) if (!isKept(key)) this.#gone.delete(key);
    for (const [pid, counts] of this.#workers) {
      this.#workers.set(pid, new Map([...counts].filter(([key]) => isKept(key))));
    }
  }

  sum(key: string): Count {
    let count = this.#gone.get(key) ?? none;
    for (const counts of this.#workers.values()) count = plus(count, counts.get(key) ?? none);
    return count;
  }
}
