// A push that an agent refused, since it has seen a newer fencing token.
import { PushRefusedError } from '../drivers/errors.ts';
import type { Db } from '../store/database.ts';
import { type Lease, raiseLease } from '../store/lease.ts';

/** True where the refusal came of a restored backup: the lease is still held, and its token is now the newest. */
export async function overtakes(db: Db, error: unknown, lease: Lease): Promise<boolean> {
  if (!(error instanceof PushRefusedError) || error.refusal.code !== 'stale-fencing-token') return false;
  const { fencingToken } = error.refusal;
  return fencingToken !== undefined && (await raiseLease(db, lease, fencingToken));
}
