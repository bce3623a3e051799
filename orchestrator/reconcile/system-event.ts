// Events that nobody's call made. They are the root admin's.
import type { Db, Trx } from '../store/database.ts';

type Level = 'INFO' | 'WARN' | 'ERROR';

/** Records an event about a host. */
export function recordHostEvent(
  db: Db | Trx,
  type: string,
  level: Level,
  description: string,
  hostId: string,
): Promise<void> {
  return recordSystemEvent(db, { type, level, description, resource: { type: 'Host', id: hostId } });
}

/** An event about a thing of the API. */
export interface SystemEvent {
  readonly type: string;
  readonly level: Level;
  readonly description: string;
  readonly resource: { readonly type: string; readonly id: string };
}

/** Records an event that nobody's call made. */
export async function recordSystemEvent(
  db: Db | Trx,
  { type, level, description, resource }: SystemEvent,
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
      resource_type: resource.type,
      resource_id: resource.id,
    })
    .execute();
}
