import type { Trx } from '../../store/database.ts';
import { touch, touchGuestOfStaticNat } from '../../store/network-change.ts';

/** Marks the static NAT of addresses as wanted gone. */
export async function revokeStaticNats(
  db: Trx,
  addresses: readonly { readonly id: string; readonly network_id: string | null }[],
): Promise<void> {
  for (const address of addresses) {
    await db
      .updateTable('public_ip_address')
      .set({ static_nat_state: 'Revoke' })
      .where('id', '=', address.id)
      .execute();
    if (address.network_id !== null) await touch(db, address.network_id, 'nat.staticNats', address.id);
    await touchGuestOfStaticNat(db, address.id);
  }
}
