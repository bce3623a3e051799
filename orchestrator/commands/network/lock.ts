import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError } from '../errors.ts';

/**
 * Locks a network's row until the transaction ends: whoever allocates an address or a name in it, or deletes it, comes
 * after. Throws 431 where it is gone or being deleted.
 */
export async function lockNetwork(db: Trx, id: string): Promise<EntityRow<'network'>> {
  const row = await db.selectFrom('network').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
  if (row === undefined || row.state === 'Destroy') {
    throw new ApiError('parameter', `Network ${row?.name ?? id} is being deleted: expected another network`);
  }
  return row;
}

/** States in which a network has a router. */
export function hasRouter(network: { readonly state: EntityRow<'network'>['state'] }): boolean {
  return network.state === 'Implemented' || network.state === 'Implementing';
}
