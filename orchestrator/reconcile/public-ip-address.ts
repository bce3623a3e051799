// The end of an allocated public address.
import { ApiError } from '../model/api-error.ts';
import type { Trx } from '../store/database.ts';
import { touch } from '../store/network-change.ts';
import { transaction } from '../store/transaction.ts';
import type { Parts } from './parts.ts';

/** What a free address has. */
export const freeAddress = {
  state: 'Free',
  account_id: null,
  domain_id: null,
  network_id: null,
  is_source_nat: false,
  static_nat_nic_id: null,
  static_nat_state: null,
  allocated: null,
} as const;

/** Frees every address of a network. */
export async function freeAddresses(trx: Trx, networkId: string): Promise<void> {
  await trx.updateTable('public_ip_address').set(freeAddress).where('network_id', '=', networkId).execute();
}

/** Waits until an address that is Releasing serves nothing any more, then frees it. */
export async function releasePublicIpAddress(parts: Parts, id: string): Promise<void> {
  const address = await parts.db.selectFrom('public_ip_address').selectAll().where('id', '=', id).executeTakeFirst();
  if (address === undefined || address.state === 'Free') return;
  const networkId = address.network_id;
  if (networkId !== null) {
    await touch(parts.db, networkId, 'routing.publicAddresses', id);
    await parts.updates.request(networkId);
  }
  await transaction(parts.db, async (trx) => {
    const rules = await trx
      .selectFrom('firewall_rule')
      .select('id')
      .where('public_ip_address_id', '=', id)
      .union(trx.selectFrom('port_forwarding_rule').select('id').where('public_ip_address_id', '=', id))
      .union(trx.selectFrom('load_balancer_rule').select('id').where('public_ip_address_id', '=', id))
      .execute();
    if (rules.length > 0) {
      throw new ApiError('inUse', `The address ${address.address} still has ${rules.length} rules in force`);
    }
    await trx.updateTable('public_ip_address').set(freeAddress).where('id', '=', id).execute();
  });
}
