// Which IPv6 network a dual-stack network gets of its zone, and which address its router has outside.
import {
  eui64Address,
  type Ipv6Address,
  type Ipv6Cidr,
  type Ipv6Range,
  ipv6Add,
  ipv6CidrRange,
  ipv6FromBigInt,
  ipv6PrefixLengthOf,
  ipv6Subnet,
  ipv6ToBigInt,
  type MacAddress,
} from '@isthmus/net';

/** Length of a guest network's prefix: that of SLAAC (RFC 4862). */
export const guestPrefixLength = 64;

/** How many networks a prefix holds. */
export function networksIn(prefix: Ipv6Cidr): bigint {
  return 1n << BigInt(guestPrefixLength - ipv6PrefixLengthOf(prefix));
}

/** The lowest /64 of a prefix that no network has; undefined where every one is taken. */
export function freeGuestNetwork(prefix: Ipv6Cidr, taken: ReadonlySet<Ipv6Cidr>): Ipv6Cidr | undefined {
  const count = networksIn(prefix);
  // One of so many is free: at most all the others are taken.
  for (let index = 0n; index < count && index <= BigInt(taken.size); index++) {
    const candidate = ipv6Subnet(prefix, guestPrefixLength, index);
    if (!taken.has(candidate)) return candidate;
  }
  return undefined;
}

/** The router's address in a guest network: its first. */
export function guestGateway(network: Ipv6Cidr): Ipv6Address {
  return ipv6Add(ipv6CidrRange(network).first, 1);
}

/** The IPv6 side of a public range. `addresses`: where routers' addresses are taken from; null: by EUI-64, or anywhere. */
export interface PublicIpv6Space {
  readonly cidr: Ipv6Cidr;
  readonly gateway: Ipv6Address;
  readonly addresses: Ipv6Range | null;
}

/**
 * The address of a router among the public ones: the lowest free one of the range's addresses, else by modified EUI-64 of
 * a MAC address that no NIC has. Undefined where every address is taken.
 */
export function publicIpv6Address(
  space: PublicIpv6Space,
  taken: ReadonlySet<Ipv6Address>,
  mac: MacAddress,
): Ipv6Address | undefined {
  if (space.addresses === null && ipv6PrefixLengthOf(space.cidr) === guestPrefixLength) {
    return eui64Address(space.cidr, mac);
  }
  const whole = ipv6CidrRange(space.cidr);
  const { first, last } = space.addresses ?? { first: ipv6Add(whole.first, 1), last: whole.last };
  const end = ipv6ToBigInt(last);
  for (let number = ipv6ToBigInt(first); number <= end; number++) {
    const address = ipv6FromBigInt(number);
    if (address !== space.gateway && !taken.has(address)) return address;
  }
  return undefined;
}
