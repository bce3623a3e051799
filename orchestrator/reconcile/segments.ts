// The layer 2 segments that a network's router and instances are wired to, and which IPv6 addresses are whose there.
import type { Nic, Segment } from '@isthmus/contract';
import { type Ipv4Address, type MacAddress, parseInterfaceName, prefixLengthOfNetmask } from '@isthmus/net';
import type { Db } from '../store/database.ts';
import { nicIpv6Address } from './load/ipv6.ts';

/** The network's own segment. Throws where the network has no VNI, that is: is not implemented. */
export async function guestSegment(db: Db, networkId: string): Promise<Segment> {
  const { vni } = await db.selectFrom('network').select('vni').where('id', '=', networkId).executeTakeFirstOrThrow();
  if (vni === null) throw new Error(`network ${networkId} has no VNI`);
  return { kind: 'guest', id: networkId, vni };
}

/** The segment of the network's source NAT address, or null without one. */
export async function publicSegment(db: Db, networkId: string): Promise<Segment | null> {
  const address = await db
    .selectFrom('public_ip_address')
    .select('id')
    .where('network_id', '=', networkId)
    .where('is_source_nat', '=', true)
    .executeTakeFirst();
  return address === undefined ? null : ((await publicSegmentOf(db, address.id))?.segment ?? null);
}

/** A public address and the segment of its range; null where it is gone. */
export async function publicSegmentOf(
  db: Db,
  addressId: string,
): Promise<{ readonly segment: Segment; readonly address: Ipv4Address } | null> {
  const range = await db
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .leftJoin('traffic_type', (join) =>
      join
        .onRef('traffic_type.physical_network_id', '=', 'vlan_ip_range.physical_network_id')
        .on('traffic_type.traffic_type', '=', 'Public'),
    )
    .select(['vlan_ip_range.id', 'vlan_ip_range.gateway', 'vlan_ip_range.netmask', 'traffic_type.label'])
    .select('public_ip_address.address')
    .where('public_ip_address.id', '=', addressId)
    .executeTakeFirst();
  if (range === undefined) return null;
  const segment = {
    kind: 'public' as const,
    id: range.id,
    ...(range.label !== null && { bridge: parseInterfaceName(range.label) }),
    gateway: range.gateway,
    prefixLength: prefixLengthOfNetmask(range.netmask),
  };
  return { segment, address: range.address };
}

/** What an instance's port admits of IPv6: in a dual-stack network the address that its NIC gives itself. */
export async function ipv6AddressesOf(
  db: Db,
  nic: { readonly network_id: string; readonly mac_address: MacAddress },
): Promise<Pick<Nic, 'ipv6Addresses'>> {
  const network = await db
    .selectFrom('network')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select(['network.ip6_cidr', 'network_offering.internet_protocol'])
    .where('network.id', '=', nic.network_id)
    .executeTakeFirstOrThrow();
  const address = nicIpv6Address({ ...network, mac_address: nic.mac_address });
  return address === null ? {} : { ipv6Addresses: [address] };
}
