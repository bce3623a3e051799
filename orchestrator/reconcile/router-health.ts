// Health checks of routers as the orchestrator has them: fetched from their agents, kept, told as alerts.
import { type HealthCheckResult, sameIdentity } from '@isthmus/contract';
import { sql } from 'kysely';
import { clockResult, connectivityResult, versionResult } from '../model/health.ts';
import { checkNames } from '../model/health-settings.ts';
import { alertAppliance, applianceRecovered } from './alerts.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';

/** A push that is under way may change what a router serves between two looks. */
const looksAtVersion = 3;

/** Asks a router for its results. `fresh`: of checks that it carries out now. Never throws: that it cannot be asked is a result. */
async function ask(parts: Parts, router: Router, fresh: boolean): Promise<HealthCheckResult[]> {
  const before = new Date();
  try {
    const agent = await parts.agents.of(router);
    const { results, now } = await agent.operate('health-checks', { fresh });
    const after = new Date();
    return [
      connectivityResult(null, after),
      ...results,
      clockResult(now, before, after),
      await versionOf(parts, router),
    ];
  } catch (error) {
    return [connectivityResult(error instanceof Error ? error.message : String(error), new Date())];
  }
}

async function versionOf(parts: Parts, router: Router): Promise<HealthCheckResult> {
  let servesAcknowledged = false;
  for (let look = 0; look < looksAtVersion && !servesAcknowledged; look += 1) {
    const acknowledged = await parts.pusher.acknowledged(router.id);
    const { serving } = await (await parts.agents.of(router)).status();
    servesAcknowledged = sameIdentity(serving, acknowledged);
  }
  const version = (await parts.agents.isVirtualMachine(router)) ? router.version : null;
  const newest = await parts.db
    .selectFrom('image')
    .select('version')
    .where('role', '=', 'router')
    .orderBy('created', 'desc')
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
  return versionResult({ servesAcknowledged, version, newest: newest?.version ?? null }, new Date());
}

/** Writes results down. Where the router could not be asked, what is known of its other checks stays as it is. */
async function keep(parts: Parts, routerId: string, results: readonly HealthCheckResult[]): Promise<void> {
  const names = results.map(({ name }) => name);
  await parts.db.transaction().execute(async (trx) => {
    const router = await trx.selectFrom('router').select('id').where('id', '=', routerId).forShare().executeTakeFirst();
    if (router === undefined) return;
    if (results.length > 1) {
      await trx.deleteFrom('router_health').where('router_id', '=', routerId).where('name', 'not in', names).execute();
    }
    for (const { name, kind, status, detail, checkedAt } of results) {
      const failures = status === 'FAILURE' ? 1 : 0;
      await trx
        .insertInto('router_health')
        .values({ router_id: routerId, name, kind, status, detail, checked_at: new Date(checkedAt), failures })
        .onConflict((conflict) =>
          conflict.columns(['router_id', 'name']).doUpdateSet({
            kind,
            status,
            detail,
            checked_at: new Date(checkedAt),
            // A result that is fetched twice counts once.
            failures:
              failures === 0
                ? 0
                : sql<number>`router_health.failures
                    + case when router_health.checked_at = ${new Date(checkedAt)} then 0 else 1 end`,
          }),
        )
        .execute();
    }
  });
}

/** Every check that is failed by what is kept, with what it found. */
function failedOf(parts: Parts, routerId: string): Promise<{ name: string; detail: string; failures: number }[]> {
  return parts.db
    .selectFrom('router_health')
    .select(['name', 'detail', 'failures'])
    .where('router_id', '=', routerId)
    .where('status', '=', 'FAILURE')
    .orderBy('name')
    .execute();
}

/** Fetches, keeps and tells the results of one router; answers with the checks that are failed, and how often in a row. */
export async function fetchRouterHealth(
  parts: Parts,
  router: Router,
  fresh: boolean,
): Promise<readonly { readonly name: string; readonly failures: number }[]> {
  const excluded = checkNames(await parts.setting('router.health.checks.to.exclude'));
  const results = (await ask(parts, router, fresh)).filter(({ name }) => !excluded.includes(name));
  await keep(parts, router.id, results);
  const failed = await failedOf(parts, router.id);
  if (failed.length === 0) await applianceRecovered(parts, 'router', router);
  else {
    const words = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ');
    await alertAppliance(parts, 'router', router, `health checks fail: ${words}`);
  }
  return failed;
}
