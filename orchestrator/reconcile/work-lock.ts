// One at a time per network or system VM: within this process by a queue, among orchestrators by a lease in the database.
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiError } from '../model/api-error.ts';
import type { Db } from '../store/database.ts';
import { acquireLease, type Lease, releaseLease, renewLease } from '../store/lease.ts';

/** What became of a replacement that somebody left unfinished. */
export type Settled = 'finished' | 'abandoned' | null;

const leaseSeconds = 30;
const renewEveryMs = 10_000;
/** How long a call waits for another orchestrator that works on the same. */
const patienceMs = 60_000;

/** What is worked on, as the names of leases begin. */
export type WorkSubject = 'network' | 'system-vm';

export class WorkLock {
  readonly #db: Db;
  readonly #holder: string;
  readonly #subject: WorkSubject;
  readonly #tails = new Map<string, Promise<unknown>>();
  /** Called with the lease before any work, so that nothing stands half done then. */
  settle: (id: string, lease: Lease) => Promise<Settled> = async () => null;

  /** `holder` names this orchestrator for good: after a crash it takes its own leases again at once. */
  constructor(db: Db, holder: string, subject: WorkSubject) {
    this.#db = db;
    this.#holder = holder;
    this.#subject = subject;
  }

  /** Runs `work` while nobody else works on what has that id. Throws 534 where another orchestrator holds it too long. */
  async hold<Result>(id: string, work: (lease: Lease, settled: Settled) => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(id) ?? Promise.resolve();
    const mine = before.then(() => this.#leased(id, work));
    const tail = mine.catch(() => undefined);
    this.#tails.set(id, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(id) === tail) this.#tails.delete(id);
    }
  }

  async #leased<Result>(id: string, work: (lease: Lease, settled: Settled) => Promise<Result>): Promise<Result> {
    const lease = await this.#acquire(`${this.#subject}:${id}`);
    const renewal = setInterval(() => {
      renewLease(this.#db, lease, leaseSeconds).catch(() => undefined);
    }, renewEveryMs);
    try {
      return await work(lease, await this.settle(id, lease));
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
        throw new ApiError(
          'resourceUnavailable',
          `Another orchestrator is working on this ${this.#subject}; try again later`,
        );
      }
      await sleep(20);
    }
  }
}
