// Transactions that PostgreSQL may end to break a deadlock.
import type { Db, Trx } from './database.ts';

/** serialization_failure and deadlock_detected (PostgreSQL, Appendix A). */
const retryable = ['40001', '40P01'];
const mostAttempts = 4;

/** The SQLSTATE of an error of PostgreSQL; undefined for any other error. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** One transaction; again where PostgreSQL broke a deadlock by ending it. Throws what `work` throws, or PostgreSQL. */
export async function transaction<Result>(db: Db, work: (trx: Trx) => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await db.transaction().execute(work);
    } catch (error) {
      if (attempt === mostAttempts || !retryable.includes(sqlStateOf(error) ?? '')) throw error;
    }
  }
}
