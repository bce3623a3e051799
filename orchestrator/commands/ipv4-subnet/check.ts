// What a zone's subnet must not be.
import { cidrsOverlap, type Ipv4Cidr, ipv4Network, prefixLengthOf } from '@isthmus/net';
import { cidrWithin } from '../../model/ipv4-subnet.ts';
import type { Trx } from '../../store/database.ts';
import { subnetsOf } from '../../store/ipv4-subnet.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { netmaskPrefixLength } from '../netmask.ts';

/**
 * Throws 431 where the subnet overlaps another of any zone, or a network that the zone has otherwise. The zones' rows are
 * locked until the transaction ends: two that overlap never pass each other.
 */
export async function checkZoneSubnet(
  db: Trx,
  zone: { readonly id: string },
  subnet: Ipv4Cidr,
  except?: EntityRow<'zone_ipv4_subnet'>,
): Promise<void> {
  const length = prefixLengthOf(subnet);
  if (length < 8 || length > 30) throw parameterError('subnet', subnet, 'a network of 8 to 30 bits');
  await db.selectFrom('zone').select('id').orderBy('id').forUpdate().execute();
  const others = await db.selectFrom('zone_ipv4_subnet').select(['id', 'subnet']).execute();
  const ranges = await db
    .selectFrom('vlan_ip_range')
    .select(['gateway', 'netmask'])
    .where('zone_id', '=', zone.id)
    .execute();
  const pods = await db.selectFrom('pod').select(['gateway', 'netmask']).where('zone_id', '=', zone.id).execute();
  const taken = [
    ...others.filter(({ id }) => id !== except?.id).map((other) => ['another subnet', other.subnet] as const),
    ...ranges.map((range) => ['the public network', networkOf(range)] as const),
    ...pods.map((pod) => ["a pod's network", networkOf(pod)] as const),
  ];
  const clash = taken.find(([, cidr]) => cidrsOverlap(cidr, subnet));
  if (clash !== undefined) throw parameterError('subnet', subnet, `a network apart from ${clash[0]} ${clash[1]}`);
}

function networkOf({ gateway, netmask }: Pick<EntityRow<'vlan_ip_range'>, 'gateway' | 'netmask'>): Ipv4Cidr {
  return ipv4Network(gateway, netmaskPrefixLength(netmask));
}

/** Locks a zone's subnet until the transaction ends. Throws 431 where it is gone. */
export async function lockZoneSubnet(db: Trx, id: string, parameter = 'id'): Promise<EntityRow<'zone_ipv4_subnet'>> {
  const row = await db.selectFrom('zone_ipv4_subnet').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined) throw parameterError(parameter, id, 'the id of an IPv4 subnet of a zone');
  return row;
}

/** Throws 431 where something that was cut out lies outside of `subnet`; with null where anything was cut out at all. */
export async function checkCutOut(
  db: Trx,
  parent: EntityRow<'zone_ipv4_subnet'>,
  subnet: Ipv4Cidr | null,
): Promise<void> {
  const cut = await subnetsOf(db, parent.id);
  const outside = cut.find((each) => subnet === null || !cidrWithin(each.subnet, subnet));
  if (outside === undefined) return;
  const holder = outside.network_id === null ? 'which an admin made' : `which network ${outside.network_id} has`;
  throw new ApiError('inUse', `The IPv4 subnet ${parent.subnet} of parameter id holds ${outside.subnet}, ${holder}`);
}
