// Which addresses a new network has: its CIDR, a routed one's cut out of the zone's subnets, and a dual-stack one's /64.
import {
  cidrRange,
  type Ipv4Address,
  type Ipv4Cidr,
  type Ipv4Range,
  type Ipv6Address,
  type Ipv6Cidr,
  ipv4Add,
  ipv4Network,
} from '@isthmus/net';
import { type GuestCidr, type GuestCidrRequest, guestCidr, guestRange } from '../../model/guest-cidr.ts';
import type { Trx } from '../../store/database.ts';
import { allocateIpv4Subnet } from '../../store/ipv4-subnet.ts';
import { allocateIpv6Network } from '../../store/ipv6-network.ts';
import type { Owner } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { netmaskPrefixLength } from '../netmask.ts';

/** What the caller of createNetwork says of routed and dual-stack networks. */
export interface AddressWishes {
  /** Prefix length of a routed network's CIDR. */
  readonly cidrSize?: number | undefined;
  readonly ip6Cidr?: Ipv6Cidr | undefined;
  readonly ip6Gateway?: Ipv6Address | undefined;
}

interface Wanted extends AddressWishes, Omit<GuestCidrRequest, 'zoneGuestCidr' | 'publicRanges'> {
  readonly zone: EntityRow<'zone'>;
  readonly offering: EntityRow<'network_offering'>;
  readonly owner: Owner;
}

/** The columns of a network's row. */
export interface NetworkAddresses {
  readonly cidr: Ipv4Cidr;
  readonly gateway: Ipv4Address;
  readonly start_ip: Ipv4Address | null;
  readonly end_ip: Ipv4Address | null;
  readonly ip6_prefix_id?: string;
  readonly ip6_cidr?: Ipv6Cidr;
  readonly ip6_gateway?: Ipv6Address;
}

/** Takes the addresses of the new network `id`, whose row comes in the same transaction. Throws 431 and 533. */
export async function networkAddresses(
  db: Trx,
  id: string,
  wanted: Wanted,
  publicRanges: () => Promise<readonly Ipv4Range[]>,
): Promise<NetworkAddresses> {
  const isRouted = wanted.offering.network_mode === 'ROUTED';
  if (wanted.cidrSize !== undefined && !isRouted) {
    throw parameterError('cidrsize', wanted.cidrSize, 'no value: it belongs to routed networks (networkmode=ROUTED)');
  }
  const { cidr, gateway, guests } = isRouted
    ? await routedCidr(db, id, wanted)
    : guestCidr({ ...wanted, zoneGuestCidr: wanted.zone.guest_cidr, publicRanges: await publicRanges() });
  return {
    cidr,
    gateway,
    start_ip: guests?.first ?? null,
    end_ip: guests?.last ?? null,
    ...(await ipv6(db, wanted)),
  };
}

async function ipv6(db: Trx, { offering, zone, ip6Cidr, ip6Gateway }: Wanted) {
  if (offering.internet_protocol === 'DualStack') {
    if (ip6Gateway !== undefined && ip6Cidr === undefined) {
      throw parameterError('ip6gateway', ip6Gateway, 'parameter ip6cidr beside it');
    }
    return allocateIpv6Network(db, zone.id, { cidr: ip6Cidr, gateway: ip6Gateway });
  }
  for (const [name, value] of Object.entries({ ip6cidr: ip6Cidr, ip6gateway: ip6Gateway })) {
    if (value !== undefined) throw parameterError(name, value, `no value: offering ${offering.name} has IPv4 alone`);
  }
  return {};
}

/** By `cidrsize`, or the network of `gateway` and `netmask`: part of the zone's subnets in either case. */
async function routedCidr(db: Trx, networkId: string, wanted: Wanted): Promise<GuestCidr> {
  const { cidrSize, gateway, netmask, zone, owner } = wanted;
  if ((cidrSize === undefined) === (gateway === undefined)) {
    throw parameterError('cidrsize', cidrSize ?? '', 'cidrsize, or gateway and netmask, for a routed network');
  }
  const request = { zoneId: zone.id, accountId: owner.accountId, domainId: owner.domainId, networkId };
  if (gateway === undefined) {
    if (netmask !== undefined) throw parameterError('netmask', netmask, 'no value beside cidrsize');
    const cidr = await allocateIpv4Subnet(db, { ...request, wanted: { prefixLength: cidrSize ?? 32 } });
    return { cidr, gateway: ipv4Add(cidrRange(cidr).first, 1), guests: guestRange(wanted, cidr) };
  }
  if (netmask === undefined) throw parameterError('netmask', '', 'a netmask, as gateway is given');
  const prefixLength = netmaskPrefixLength(netmask);
  if (prefixLength < 9 || prefixLength > 30) {
    throw parameterError('netmask', netmask, 'a netmask from 255.128.0.0 to 255.255.255.252');
  }
  const cidr = ipv4Network(gateway, prefixLength);
  const { first, last } = cidrRange(cidr);
  if (gateway === first || gateway === last) {
    throw parameterError('gateway', gateway, `a host address of ${cidr}, not its network or broadcast address`);
  }
  await allocateIpv4Subnet(db, { ...request, wanted: { cidr } });
  return { cidr, gateway, guests: guestRange(wanted, cidr) };
}
