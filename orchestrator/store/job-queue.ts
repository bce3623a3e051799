// Durable jobs, by pg-boss: the only module that knows it. A job is enqueued by the transaction of the call, fetched
// within milliseconds of its commit, and delivered again when the process that works on it has died.
import { fromKysely, PgBoss } from 'pg-boss';
import type { Trx } from './database.ts';
import type { Log } from './log.ts';
import { openPresence, type Presence } from './presence.ts';

export interface JobQueueOptions {
  /** The database's URL. */
  readonly url: string;
  readonly log: Log;
  /** Works on one job. May be called again for a job whose worker died. Throws where the job has to be tried again. */
  readonly run: (jobId: string) => Promise<void>;
  /** Ends a job that was tried in vain too often. */
  readonly abandon: (jobId: string) => Promise<void>;
  /** Jobs at once in this process. Default 32. */
  readonly concurrency?: number;
}

export interface JobQueue {
  /** Puts the job of that async_job row into the queue, as part of the transaction. */
  enqueue(trx: Trx, jobId: string): Promise<void>;
  /** Says that a transaction that enqueued is committed: the job starts without waiting for PostgreSQL's notice. */
  wake(): void;
  /** Takes no more jobs, waits up to `graceMs` for those that run; what is left runs again at the next start. */
  stop(graceMs?: number): Promise<void>;
}

const queueName = 'job';
const channel = 'isthmus_job';
// A lost notice delays a job by this at most.
const pollMs = 2_000;
// Each attempt ended with the death of its process, or without the database: ten are no accident.
const maxAttempts = 10;

/** Jobs of this queue that a process took which is no more: its advisory lock is gone. */
const orphans = `select job.id from pgboss.job join async_job on async_job.id = job.id
  where job.name = $1 and job.state = 'active' and not exists (
    select 1 from pg_locks where locktype = 'advisory' and objsubid = 2 and granted
      and database = (select oid from pg_database where datname = current_database())
      and classid = $2::int::oid and objid = async_job.worker::oid)`;

class Queue implements JobQueue {
  readonly #boss: PgBoss;
  readonly #options: JobQueueOptions;
  readonly #presence: Presence;
  readonly #running = new Map<string, Promise<void>>();
  /** What pg-boss has yet to be told, by job. */
  readonly #unsettled = new Map<string, () => Promise<unknown>>();
  #stopping = false;
  #fetching: Promise<void> | null = null;
  #again = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(boss: PgBoss, options: JobQueueOptions) {
    this.#boss = boss;
    this.#options = options;
    this.#presence = openPresence({ url: options.url, channel, log: options.log, onNotice: () => this.wake() });
  }

  async enqueue(trx: Trx, jobId: string): Promise<void> {
    const db = fromKysely(trx);
    await this.#boss.send(queueName, {}, { id: jobId, db });
    await db.executeSql(`notify ${channel}`);
  }

  wake(): void {
    this.#again = true;
    this.#fetching ??= this.#fetchAll().finally(() => {
      this.#fetching = null;
      if (this.#again && !this.#stopping) this.wake();
    });
  }

  /** Now and then: a look for what no notice told of. */
  async tick(): Promise<void> {
    try {
      for (const id of this.#unsettled.keys()) if (!this.#running.has(id)) await this.#settle(id);
      await this.#reclaim();
    } catch (error) {
      this.#options.log.warn('job queue waits for the database', { error });
    }
    this.wake();
    await this.#fetching;
    if (!this.#stopping) this.#timer = setTimeout(() => void this.tick(), pollMs);
  }

  /** Gives back what dead processes had taken. */
  async #reclaim(): Promise<void> {
    const rows = await this.#presence.use(async (client) => {
      const result = await client.query<{ id: string }>(orphans, [queueName, this.#presence.lockClass]);
      return result.rows;
    });
    if (rows.length === 0) return;
    this.#options.log.warn('jobs of a dead process run again', { jobs: rows.length });
    const ids = rows.map(({ id }) => id);
    await this.#boss.fail(queueName, ids, { message: 'its process has died' });
  }

  async #fetchAll(): Promise<void> {
    try {
      while (this.#again && !this.#stopping) {
        this.#again = false;
        await this.#take();
      }
    } catch (error) {
      this.#options.log.warn('jobs cannot be fetched', { error });
    }
  }

  /** Takes jobs and notes, in the same transaction, that this process has them. */
  async #take(): Promise<void> {
    const free = (this.#options.concurrency ?? 32) - this.#running.size;
    if (free <= 0) return;
    const jobs = await this.#presence.transaction(async (client) => {
      const db = { executeSql: (text: string, values?: unknown[]) => client.query(text, values) };
      const taken = await this.#boss.fetch(queueName, { batchSize: free, db });
      const ids = taken.map(({ id }) => id);
      if (ids.length > 0) {
        await client.query('update async_job set worker = $1 where id = any($2)', [this.#presence.worker, ids]);
      }
      return taken;
    });
    for (const { id, retryCount } of jobs) {
      const work = this.#work(id, retryCount).finally(() => {
        this.#running.delete(id);
        if (jobs.length === free) this.wake();
      });
      this.#running.set(id, work);
    }
  }

  async #work(id: string, retryCount: number): Promise<void> {
    try {
      await (retryCount >= maxAttempts ? this.#options.abandon(id) : this.#options.run(id));
      this.#unsettled.set(id, () => this.#boss.complete(queueName, id));
    } catch (error) {
      this.#options.log.warn('job is tried again', { job: id, error });
      this.#unsettled.set(id, () => this.#boss.fail(queueName, id, { message: String(error) }));
    }
    // Where the database is away, the next tick says it.
    await this.#settle(id).catch(() => {});
  }

  /** Tells pg-boss how a job ended. */
  async #settle(id: string): Promise<void> {
    await this.#unsettled.get(id)?.();
    this.#unsettled.delete(id);
  }

  async stop(graceMs = 10_000): Promise<void> {
    this.#stopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#fetching;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([Promise.allSettled([...this.#running.values()]), grace]);
    clearTimeout(timer);
    await this.#boss.stop({ graceful: false, close: true });
    await this.#presence.close();
  }
}

/** Opens the queue and starts to work on it. The database is migrated already. */
export async function createJobQueue(options: JobQueueOptions): Promise<JobQueue> {
  const boss = new PgBoss({
    connectionString: options.url,
    application_name: 'isthmus-jobs',
    max: 4,
    schedule: false,
    monitorVacuum: false,
  });
  boss.on('error', (error) => options.log.warn('job queue', { error }));
  await boss.start();
  await boss.createQueue(queueName, {
    retryLimit: maxAttempts + 1,
    retryDelay: 1,
    expireInSeconds: 6 * 3600,
    deleteAfterSeconds: 3600,
  });
  const queue = new Queue(boss, options);
  void queue.tick();
  return queue;
}
