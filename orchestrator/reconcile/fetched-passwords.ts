// Passwords that guests have fetched are forgotten: their sealed text goes from the database, their entry from the
// router's document.
import { touch } from '../store/network-change.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';

/** Routers that are asked at once. */
const askedAtOnce = 4;

/**
 * Asks each running router that holds passwords which of them were fetched, and forgets those. A password that a job has
 * yet to tell is left for the next round. Never throws: a router that cannot be asked is asked again.
 */
export async function forgetFetchedPasswords(parts: Parts): Promise<void> {
  const routers = await parts.db
    .selectFrom('router')
    .innerJoin('nic', 'nic.network_id', 'router.network_id')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .select(['router.id', 'router.name', 'router.host_id', 'router.network_id'])
    .distinct()
    .where('router.state', '=', 'Running')
    .where('router.replaces', 'is', null)
    .where('nic.is_default', '=', true)
    .where('virtual_machine.sealed_password', 'is not', null)
    .execute();
  const next = routers.values();
  const worker = async () => {
    for (const router of next) await forgetOfRouter(parts, router);
  };
  await Promise.all(Array.from({ length: askedAtOnce }, worker));
}

async function forgetOfRouter(
  parts: Parts,
  router: Pick<Router, 'id' | 'name' | 'host_id' | 'network_id'>,
): Promise<void> {
  try {
    const { versions } = await (await parts.agents.of(router)).operate('fetched-passwords', {});
    if (versions.length > 0) await forget(parts, router.network_id, versions);
  } catch (error) {
    parts.log.info('a router does not tell which passwords were fetched', {
      router: router.name,
      error: String(error),
    });
  }
}

async function forget({ db }: Parts, networkId: string, versions: readonly string[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const machines = await trx
      .updateTable('virtual_machine')
      .set({ sealed_password: null, password_version: null })
      .where('password_version', 'in', [...versions])
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('async_job')
              .select('async_job.id')
              .whereRef('async_job.instance_id', '=', 'virtual_machine.id')
              .where('async_job.status', '=', 0),
          ),
        ),
      )
      .returning('id')
      .execute();
    if (machines.length === 0) return;
    const ids = machines.map(({ id }) => id);
    const nics = await trx
      .selectFrom('nic')
      .select('id')
      .where('network_id', '=', networkId)
      .where('virtual_machine_id', 'in', ids)
      .execute();
    for (const { id } of nics) await touch(trx, networkId, 'metadata.passwords', id);
  });
}
