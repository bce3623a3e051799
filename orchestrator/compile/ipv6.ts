// What IPv6 adds to the settings of a dual-stack network's router. Pure.
import type { RouterSettings } from '@isthmus/contract';
import { type Ipv6Address, type Ipv6Cidr, ipv6PrefixLengthOf } from '@isthmus/net';

/** The IPv6 side of a network. `uplink` is its router's public address; null: none yet, so that nothing leaves. */
export interface Ipv6Input {
  /** Its own /64. */
  readonly network: Ipv6Cidr;
  readonly gateway: Ipv6Address;
  readonly uplink: {
    readonly address: Ipv6Address;
    readonly prefixLength: number;
    readonly gateway: Ipv6Address;
  } | null;
  /** Resolvers that guests are told of where the router is none; the network's own, else the zone's. */
  readonly dns: readonly Ipv6Address[];
}

type Interface = RouterSettings['routing']['interfaces'][number];

/** The address of one NIC, as a part of its settings; nothing without IPv6. */
export function ipv6Of(role: 'guest' | 'public', ipv6: Ipv6Input | null): Pick<Interface, 'ipv6'> {
  if (ipv6 === null) return {};
  if (role === 'guest') return { ipv6: { address: ipv6.gateway, prefixLength: ipv6PrefixLengthOf(ipv6.network) } };
  return ipv6.uplink === null ? {} : { ipv6: { address: ipv6.uplink.address, prefixLength: ipv6.uplink.prefixLength } };
}

/** What guests are told by router advertisements and DHCPv6. `isResolver`: the router answers DNS itself. */
export function advertisedIpv6(ipv6: Ipv6Input | null, isResolver: boolean): Pick<RouterSettings['dhcp'], 'ipv6'> {
  if (ipv6 === null) return {};
  const { network, gateway, dns } = ipv6;
  const dnsServers = isResolver || dns.length === 0 ? [gateway] : [...dns];
  return { ipv6: { network, router: gateway, dnsServers } };
}
