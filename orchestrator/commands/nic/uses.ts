// What leads to a NIC or to one of its addresses.
import type { Ipv4Address } from '@isthmus/net';
import { sql } from 'kysely';
import type { Trx } from '../../store/database.ts';
import { ApiError } from '../errors.ts';

/** Rules that lead to a NIC; with `address`, to this address of it alone. Throws 537 naming the first. */
export async function refuseWhileUsed(
  db: Trx,
  nic: { readonly id: string; readonly address: Ipv4Address },
  address?: Ipv4Address,
): Promise<void> {
  const leadsTo = (column: string) =>
    address === undefined
      ? sql<boolean>`true`
      : sql<boolean>`coalesce(${sql.ref(column)}, ${nic.address}) = ${address}`;
  const { rows } = await sql<{ what: string; id: string }>`
    select 'port forwarding rule' as what, id from port_forwarding_rule
      where nic_id = ${nic.id} and state <> 'Revoke' and ${leadsTo('private_address')}
    union all select 'static NAT of public IP address', id from public_ip_address
      where static_nat_nic_id = ${nic.id} and static_nat_state <> 'Revoke' and ${leadsTo('static_nat_private_address')}
    union all select 'load balancer rule', load_balancer_rule_id from load_balancer_member
      where nic_id = ${nic.id} and state <> 'Revoke' and ${leadsTo('address')}
    limit 1`.execute(db);
  const [use] = rows;
  if (use === undefined) return;
  throw new ApiError(
    'conflict',
    `The ${use.what} ${use.id} leads to ${address ?? nic.address}: expected it to be removed first`,
  );
}
