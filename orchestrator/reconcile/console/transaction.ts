// Transactions that open consoles: one at a time of a user and of a machine, and again after a deadlock.
import { sql } from 'kysely';
import type { Db, Trx } from '../../store/database.ts';

const retryable = ['40001', '40P01'];

function isRetryable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && retryable.includes(String(error.code));
}

/** One transaction; again where PostgreSQL ended it to break a deadlock. */
export async function transaction<Result>(db: Db, work: (trx: Trx) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (attempt === 4 || !isRetryable(error)) throw error;
    }
  }
}

/** First keys of the advisory locks of consoles. */
const [userLock, targetLock] = [0x1575, 0x1576];

/**
 * One transaction at a time opens consoles of a user and of a machine, so that limits hold and one viewer controls. To be
 * taken before the row of a session is locked; what ends sessions takes none of it.
 */
export async function lockConsoles(
  trx: Trx,
  { user_id: user, target_id: target }: { readonly user_id: string; readonly target_id: string },
): Promise<void> {
  await sql`select pg_advisory_xact_lock(${userLock}, hashtext(${user}))`.execute(trx);
  await sql`select pg_advisory_xact_lock(${targetLock}, hashtext(${target}))`.execute(trx);
}
