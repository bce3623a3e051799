// Events that nobody's call made. They are the root admin's.
import type { Db, Trx } from '../store/database.ts';

/** Records an event about a host. */
export async function recordHostEvent(
  db: Db | Trx,
  type: string,
  level: 'INFO' | 'WARN' | 'ERROR',
  description: string,
  hostId: string,
): Promise<void> {
  const admin = await db
    .selectFrom('account')
    .select(['id', 'domain_id'])
    .where('type', '=', 1)
    .orderBy('created')
    .limit(1)
    .executeTakeFirst();
  if (admin === undefined) return;
  await db
    .insertInto('event')
    .values({
      type,
      level,
      state: 'Completed',
      description: description.slice(0, 1024),
      user_id: null,
      account_id: admin.id,
      domain_id: admin.domain_id,
      resource_type: 'Host',
      resource_id: hostId,
    })
    .execute();
}
