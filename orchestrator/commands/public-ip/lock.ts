import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';

/** An address that rules may use: allocated, and of a network. */
export type UsableAddress = EntityRow<'public_ip_address'> & {
  readonly network_id: string;
  readonly account_id: string;
  readonly domain_id: string;
};

/**
 * Locks a public address until the transaction ends, so that rules of it are checked and written one after the other.
 * Throws 431 where it is free or being released.
 */
export async function lockPublicIp(db: Trx, parameter: string, id: string): Promise<UsableAddress> {
  const row = await db
    .selectFrom('public_ip_address')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  const { network_id, account_id, domain_id } = row ?? {};
  if (row?.state !== 'Allocated' || !network_id || !account_id || !domain_id) {
    throw parameterError(parameter, id, 'a public IP address in state Allocated that belongs to a network');
  }
  return { ...row, network_id, account_id, domain_id };
}
