import type { Db, Trx } from './database.ts';

/** The id of the service offering that virtual routers take where a network offering names none. */
export async function defaultRouterOffering(db: Db | Trx): Promise<string | undefined> {
  const row = await db
    .selectFrom('service_offering')
    .select('id')
    .where('system_vm_type', '=', 'domainrouter')
    .where('state', '=', 'Active')
    .orderBy('is_default', 'desc')
    .orderBy('created')
    .executeTakeFirst();
  return row?.id;
}
