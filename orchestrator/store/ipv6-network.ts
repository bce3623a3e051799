// Gives networks their IPv6: a /64 of the zone, and an address for the router outside. The only place that does, so that
// nothing is ever given twice.
import { type Ipv6Address, type Ipv6Cidr, ipv6CidrContains, ipv6PrefixLengthOf, macFromNumber } from '@isthmus/net';
import { ApiError, parameterError } from '../model/api-error.ts';
import { freeGuestNetwork, guestGateway, guestPrefixLength, publicIpv6Address } from '../model/ipv6-network.ts';
import { nextNumber, type Trx } from './database.ts';

/** What a network gets, as columns of its row. */
export interface Ipv6Network {
  readonly ip6_prefix_id: string;
  readonly ip6_cidr: Ipv6Cidr;
  readonly ip6_gateway: Ipv6Address;
}

/**
 * A /64 of the zone for a network: `wanted`, or the lowest free one. The zone's prefixes are locked until the transaction
 * ends. Throws 431 for `ip6cidr` where the wanted one is none of the zone's, 533 where it is taken or none is free.
 */
export async function allocateIpv6Network(
  trx: Trx,
  zoneId: string,
  wanted: { readonly cidr?: Ipv6Cidr | undefined; readonly gateway?: Ipv6Address | undefined } = {},
): Promise<Ipv6Network> {
  const prefixes = await trx
    .selectFrom('guest_network_ipv6_prefix')
    .select(['id', 'prefix'])
    .where('zone_id', '=', zoneId)
    .orderBy('created')
    .orderBy('id')
    .forUpdate()
    .execute();
  const rows = await trx
    .selectFrom('network')
    .select(['ip6_prefix_id', 'ip6_cidr'])
    .where('ip6_cidr', 'is not', null)
    .where('zone_id', '=', zoneId)
    .execute();
  for (const { id, prefix } of prefixes) {
    const taken = new Set(
      rows.flatMap((row) => (row.ip6_prefix_id === id && row.ip6_cidr !== null ? row.ip6_cidr : [])),
    );
    const cidr =
      wanted.cidr === undefined ? freeGuestNetwork(prefix, taken) : wantedNetwork(prefix, wanted.cidr, taken);
    if (cidr !== undefined) return { ip6_prefix_id: id, ip6_cidr: cidr, ip6_gateway: gatewayOf(cidr, wanted.gateway) };
  }
  if (wanted.cidr !== undefined) {
    const known = prefixes.map(({ prefix }) => prefix).join(', ') || 'none';
    throw parameterError('ip6cidr', wanted.cidr, `a /${guestPrefixLength} of the zone's IPv6 prefixes: ${known}`);
  }
  throw new ApiError(
    'insufficientCapacity',
    'No IPv6 network is free in the zone: give it a prefix by createGuestNetworkIpv6Prefix',
  );
}

function wantedNetwork(prefix: Ipv6Cidr, cidr: Ipv6Cidr, taken: ReadonlySet<Ipv6Cidr>): Ipv6Cidr | undefined {
  const [address = ''] = cidr.split('/');
  const within = ipv6CidrContains(prefix, address as Ipv6Address);
  if (!within || ipv6PrefixLengthOf(cidr) !== guestPrefixLength) return undefined;
  if (!taken.has(cidr)) return cidr;
  throw new ApiError('insufficientCapacity', `The IPv6 network ${cidr} (ip6cidr) is in use: expected a free one`);
}

function gatewayOf(cidr: Ipv6Cidr, wanted: Ipv6Address | undefined): Ipv6Address {
  if (wanted === undefined) return guestGateway(cidr);
  const [first] = cidr.split('/');
  if (!ipv6CidrContains(cidr, wanted) || wanted === first) {
    throw parameterError('ip6gateway', wanted, `an address of ${cidr} beside its first`);
  }
  return wanted;
}

/**
 * Gives the router of a dual-stack network its address among the public ones, in the range that its IPv4 address is of,
 * where it has none there. Throws 533 where the range has no IPv6 or none is free.
 */
export async function ensurePublicIpv6(trx: Trx, network: { readonly id: string }): Promise<void> {
  const { ip6_public_address: current } = await trx
    .selectFrom('network')
    .select('ip6_public_address')
    .where('id', '=', network.id)
    .executeTakeFirstOrThrow();
  const range = await trx
    .selectFrom('public_ip_address')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .selectAll('vlan_ip_range')
    .where('public_ip_address.network_id', '=', network.id)
    .where('public_ip_address.is_source_nat', '=', true)
    .forUpdate('vlan_ip_range')
    .executeTakeFirst();
  if (range === undefined) return;
  const { ip6_cidr: cidr, ip6_gateway: gateway, start_ipv6: first, end_ipv6: last } = range;
  if (cidr === null || gateway === null) {
    throw new ApiError(
      'insufficientCapacity',
      `The public range ${range.start_ip}-${range.end_ip} of the router has no IPv6 network: expected one with ip6cidr`,
    );
  }
  if (current !== null && ipv6CidrContains(cidr, current)) return;
  const rows = await trx
    .selectFrom('network')
    .select('ip6_public_address as address')
    .where('ip6_public_address', 'is not', null)
    .execute();
  const taken = new Set(rows.flatMap(({ address }) => (address === null ? [] : [address])));
  const addresses = first === null || last === null ? null : { first, last };
  const mac = macFromNumber(await nextNumber(trx, 'mac_number'));
  const address = publicIpv6Address({ cidr, gateway, addresses }, taken, mac);
  if (address === undefined) {
    throw new ApiError('insufficientCapacity', `No public IPv6 address is free in ${cidr}`);
  }
  await trx.updateTable('network').set({ ip6_public_address: address }).where('id', '=', network.id).execute();
}
