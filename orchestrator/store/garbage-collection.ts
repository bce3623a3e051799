// Forgets what is past: sessions, completed jobs, old events. Ticks on every orchestrator; a lease lets one do it.
import { schedule } from 'node-cron';
import type { Db } from './database.ts';
import { acquireLease } from './lease.ts';
import type { Log } from './log.ts';

export interface GarbageCollectionOptions {
  readonly db: Db;
  readonly log: Log;
  /** Names this orchestrator, as for every lease. */
  readonly holder: string;
  readonly setting: (name: string) => Promise<string>;
  /** Those of this orchestrator: each removes its own. */
  readonly bundles?: { collect(): Promise<number> };
}

async function cutoff(setting: GarbageCollectionOptions['setting'], name: string, unitMs: number): Promise<Date> {
  return new Date(Date.now() - Number(await setting(name)) * unitMs);
}

/** One round; answers with how many rows of each kind are gone. */
export async function collectGarbage({ db, setting }: Pick<GarbageCollectionOptions, 'db' | 'setting'>) {
  const sessions = await db.deleteFrom('session').where('expires', '<', new Date()).executeTakeFirst();
  const jobs = await db
    .deleteFrom('async_job')
    .where('status', '!=', 0)
    .where('completed', '<', await cutoff(setting, 'job.cleanup.minutes', 60_000))
    .executeTakeFirst();
  const events = await db
    .deleteFrom('event')
    .where('created', '<', await cutoff(setting, 'event.purge.days', 24 * 3_600_000))
    .executeTakeFirst();
  const consoles = await db
    .deleteFrom('console_session')
    .where('state', '=', 'Ended')
    .where('created', '<', await cutoff(setting, 'event.purge.days', 24 * 3_600_000))
    .executeTakeFirst();
  const alertDays = Number(await setting('alert.purge.delay'));
  const alerts =
    alertDays === 0
      ? null
      : await db
          .deleteFrom('alert')
          .where('last_sent', '<', new Date(Date.now() - alertDays * 24 * 3_600_000))
          .where(({ or, eb }) => or([eb('resolved', 'is not', null), eb('resource_id', 'is', null)]))
          .executeTakeFirst();
  return {
    alerts: Number(alerts?.numDeletedRows ?? 0n),
    sessions: Number(sessions.numDeletedRows),
    jobs: Number(jobs.numDeletedRows),
    events: Number(events.numDeletedRows),
    consoles: Number(consoles.numDeletedRows),
  };
}

/** Collects once a minute until stopped. */
export function startGarbageCollection(options: GarbageCollectionOptions): { stop(): Promise<void> } {
  let round: Promise<void> = Promise.resolve();
  const tick = async () => {
    try {
      await options.bundles?.collect();
      const lease = await acquireLease(options.db, 'garbage-collection', options.holder, 55);
      if (lease !== null) await collectGarbage(options);
    } catch (error) {
      options.log.warn('garbage is not collected', { error });
    }
  };
  const task = schedule('* * * * *', () => {
    round = tick();
  });
  return {
    stop: async () => {
      await task.destroy();
      await round;
    },
  };
}
