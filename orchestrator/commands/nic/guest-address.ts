// Addresses of a network that NICs have, and the next that one may get.
import type { Ipv4Address } from '@isthmus/net';
import { nextGuestAddress, requestedGuestAddress } from '../../model/guest-address.ts';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';

/**
 * An address that no NIC of the network has: the one `wanted`, else the lowest free one. The caller has locked the network.
 * Throws 431 for one that is none of the network's or taken, 533 where every one is.
 */
export async function freeGuestAddress(
  db: Trx,
  network: EntityRow<'network'>,
  wanted: Ipv4Address | undefined,
): Promise<Ipv4Address> {
  const rows = await db
    .selectFrom('nic')
    .select('address')
    .where('network_id', '=', network.id)
    .unionAll(db.selectFrom('nic_secondary_address').select('address').where('network_id', '=', network.id))
    .execute();
  const taken = new Set(rows.map((row) => row.address));
  const space = { cidr: network.cidr, gateway: network.gateway, startIp: network.start_ip, endIp: network.end_ip };
  return wanted === undefined
    ? nextGuestAddress(space, taken)
    : requestedGuestAddress(space, taken, wanted, 'ipaddress');
}
