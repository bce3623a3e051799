// Reads the settings behind a router's health checks.
import type { HealthCheckSettings } from '@isthmus/contract';
import { compileHealthChecks } from '../../model/health-limits.ts';
import { routerCheckPrefix, routerCheckSettings } from '../../model/health-settings.ts';
import type { Db, Trx } from '../../store/database.ts';

/** What every router's health checks tolerate now. */
export async function loadHealthChecks(db: Db | Trx): Promise<HealthCheckSettings> {
  const rows = await db
    .selectFrom('configuration')
    .selectAll()
    .where('name', 'like', `${routerCheckPrefix}%`)
    .execute();
  const values = new Map(rows.map(({ name, value }) => [name, value]));
  return compileHealthChecks(
    (name) => values.get(`${routerCheckPrefix}${name}`) ?? routerCheckSettings[name].defaultValue,
  );
}
