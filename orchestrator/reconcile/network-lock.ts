// One at a time per network: within this process by a queue, among orchestrators by a lease in the database.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../model/api-error.ts';
import type { Db } from '../store/database.ts';
import { acquireLease, type Lease, releaseLease, renewLease } from '../store/lease.ts';

/** What became of a replacement that somebody left unfinished. */
export type Settled = 'finished' | 'abandoned' | null;

const leaseSeconds = 30;
const renewEveryMs = 10_000;
/** How long a call waits for another orchestrator that works on the network. */
const patienceMs = 60_000;

export class NetworkLock {
  readonly #db: Db;
  readonly #holder: string;
  readonly #tails = new Map<string, Promise<unknown>>();
  /** Called with the lease of a network before any work on it, so that nothing stands half done then. */
  settle: (networkId: string, lease: Lease) => Promise<Settled> = async () => null;

  /** `holder` names this orchestrator for good: after a crash it takes its own leases again at once. */
  constructor(db: Db, holder: string) {
    this.#db = db;
    this.#holder = holder;
  }

  /** Runs `work` while nobody else works on the network. Throws 534 where another orchestrator holds it too long. */
  async hold<Result>(networkId: string, work: (lease: Lease, settled: Settled) => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(networkId) ?? Promise.resolve();
    const mine = before.then(() => this.#leased(networkId, work));
    const tail = mine.catch(() => undefined);
    this.#tails.set(networkId, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(networkId) === tail) this.#tails.delete(networkId);
    }
  }

  async #leased<Result>(networkId: string, work: (lease: Lease, settled: Settled) => Promise<Result>): Promise<Result> {
    const lease = await this.#acquire(`network:${networkId}`);
    const renewal = setInterval(() => {
      renewLease(this.#db, lease, leaseSeconds).catch(() => undefined);
    }, renewEveryMs);
    try {
      return await work(lease, await this.settle(networkId, lease));
    } finally {
      clearInterval(renewal);
      await releaseLease(this.#db, lease);
    }
  }

  async #acquire(name: string): Promise<Lease> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const lease = await acquireLease(this.#db, name, this.#holder, leaseSeconds);
      if (lease !== null) return lease;
      if (performance.now() > deadline) {
        throw new ApiError('resourceUnavailable', 'Another orchestrator is working on this network; try again later');
      }
      await sleep(20);
    }
  }
}
