import type { Selectable } from 'kysely';
import type { Db } from '../../store/database.ts';
import type { RouterHealthTable } from '../../store/tables/health.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';

/** Fields of one health check's result. */
export const healthCheckFields: ResponseFields = {
  checkname: field.string('The name of the check, such as dhcp_check.py'),
  checktype: field.string('basic or advanced'),
  success: field.boolean('False: it failed, or could not be carried out'),
  status: field.string('SUCCESS, FAILURE, WARNING or UNKNOWN'),
  lastupdated: field.date('When it was carried out'),
  details: field.string('What was tried, and what came of it'),
};

function presentHealthCheck(row: Selectable<RouterHealthTable>): ResponseObject {
  return {
    checkname: row.name,
    checktype: row.kind,
    success: row.status === 'SUCCESS' || row.status === 'WARNING',
    status: row.status,
    lastupdated: row.checked_at,
    details: row.detail,
  };
}

/** The last results of routers by their ids, basic checks first. */
export async function healthChecksOf(
  db: Db,
  routerIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ResponseObject[]>> {
  const results = new Map<string, ResponseObject[]>();
  if (routerIds.length === 0) return results;
  const rows = await db
    .selectFrom('router_health')
    .selectAll()
    .where('router_id', 'in', routerIds)
    .orderBy('kind', 'desc')
    .orderBy('name')
    .execute();
  for (const row of rows) {
    const known = results.get(row.router_id) ?? [];
    known.push(presentHealthCheck(row));
    results.set(row.router_id, known);
  }
  return results;
}
