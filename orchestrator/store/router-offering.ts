import type { Db, Trx } from './database.ts';

/** Kinds of system machines that service offerings are for (CloudStack: systemvmtype). */
export type SystemVmType = 'domainrouter' | 'consoleproxy';

/** The id of the service offering that virtual routers take where a network offering names none. */
export function defaultRouterOffering(db: Db | Trx): Promise<string | undefined> {
  return defaultSystemOffering(db, 'domainrouter');
}

/** The id of the service offering that system machines of a kind take. */
export async function defaultSystemOffering(db: Db | Trx, type: SystemVmType): Promise<string | undefined> {
  const row = await db
    .selectFrom('service_offering')
    .select('id')
    .where('system_vm_type', '=', type)
    .where('state', '=', 'Active')
    .orderBy('is_default', 'desc')
    .orderBy('created')
    .executeTakeFirst();
  return row?.id;
}
