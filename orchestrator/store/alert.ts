// Alerts as rows: raised once while their reason lasts, and counted.
import { sql } from 'kysely';
import { alertTypes } from '../model/alert.ts';
import type { Db, Trx } from './database.ts';

/** What is wrong, and with what. */
export interface AlertReason {
  /** A number of `alertTypes`. */
  readonly type: number;
  readonly description: string;
  readonly resourceId: string;
  readonly zoneId?: string | null;
  readonly podId?: string | null;
}

const descriptionLimit = 4096;

/** Raises an alert, or counts it once more where it lasts. True where it is new. */
export async function raiseAlert(db: Db | Trx, reason: AlertReason): Promise<boolean> {
  const { type, resourceId, zoneId = null, podId = null } = reason;
  const description = reason.description.slice(0, descriptionLimit);
  const name = alertTypes.get(type);
  if (name === undefined) throw new Error(`alert type ${type}: expected one of model/alert.ts`);
  const { rows } = await sql<{ sent_count: number }>`
    insert into alert (type, name, description, resource_id, zone_id, pod_id)
    values (${type}, ${name}, ${description}, ${resourceId}, ${zoneId}, ${podId})
    on conflict (type, resource_id) where resolved is null and resource_id is not null do update
      set sent_count = alert.sent_count + 1, last_sent = now(), description = excluded.description
    returning sent_count`.execute(db);
  return rows[0]?.sent_count === 1;
}

/** Ends the alert of a resource whose reason is gone, and says so in another; false where there was none. */
export async function resolveAlert(db: Db | Trx, reason: AlertReason): Promise<boolean> {
  const { type, resourceId, zoneId = null, podId = null } = reason;
  const { numUpdatedRows } = await db
    .updateTable('alert')
    .set({ resolved: new Date() })
    .where('type', '=', type)
    .where('resource_id', '=', resourceId)
    .where('resolved', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await noteAlert(db, { ...reason, zoneId, podId });
  return true;
}

/** An alert of something that happened, and does not last. */
export async function noteAlert(db: Db | Trx, reason: AlertReason): Promise<void> {
  const { type, description, resourceId, zoneId = null, podId = null } = reason;
  await db
    .insertInto('alert')
    .values({
      type,
      name: alertTypes.get(type) ?? '',
      description: description.slice(0, descriptionLimit),
      resource_id: resourceId,
      zone_id: zoneId,
      pod_id: podId,
      resolved: new Date(),
    })
    .execute();
}

/** Ends the alerts of a kind whose routers or hosts are no more. */
export async function resolveAbsent(db: Db | Trx, type: number, table: 'router' | 'host'): Promise<void> {
  await sql`update alert set resolved = now()
    where type = ${type} and resolved is null and resource_id is not null
      and not exists (select 1 from ${sql.table(table)} here where here.id = alert.resource_id)`.execute(db);
}
