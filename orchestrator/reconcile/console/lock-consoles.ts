// Consoles of a user and of a machine, opened one at a time.
import { sql } from 'kysely';
import type { Trx } from '../../store/database.ts';

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
