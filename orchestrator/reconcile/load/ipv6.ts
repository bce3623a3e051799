// Reads the rows behind IPv6: of a network's settings, and its firewall rules.
import { eui64Address, type Ipv6Address, type Ipv6Cidr, ipv6PrefixLengthOf, type MacAddress } from '@isthmus/net';
import type { Ipv6Input } from '../../compile/ipv6.ts';
import { compileIpv6Rule } from '../../compile/network-rule.ts';
import { among, type Loader } from './entries.ts';

/** The columns of a network and its zone that say how it does IPv6. */
export interface Ipv6Columns {
  readonly internet_protocol: 'IPv4' | 'DualStack';
  readonly ip6_cidr: Ipv6Cidr | null;
  readonly ip6_gateway: Ipv6Address | null;
  readonly ip6_public_address: Ipv6Address | null;
  readonly ip6_dns1: Ipv6Address | null;
  readonly ip6_dns2: Ipv6Address | null;
  readonly zone_ip6_dns1: Ipv6Address | null;
  readonly zone_ip6_dns2: Ipv6Address | null;
}

/** The range of the router's public address. */
interface UplinkRange {
  readonly ip6_cidr: Ipv6Cidr | null;
  readonly ip6_gateway: Ipv6Address | null;
}

/** The IPv6 side of a network; null where it has none. */
export function ipv6Input(network: Ipv6Columns, range: UplinkRange | undefined): Ipv6Input | null {
  const { ip6_cidr: cidr, ip6_gateway: gateway, ip6_public_address: address } = network;
  if (cidr === null || gateway === null || network.internet_protocol !== 'DualStack') return null;
  const own = [network.ip6_dns1, network.ip6_dns2].filter((each) => each !== null);
  const zones = [network.zone_ip6_dns1, network.zone_ip6_dns2].filter((each) => each !== null);
  const hasUplink = range !== undefined && range.ip6_cidr !== null && range.ip6_gateway !== null && address !== null;
  return {
    network: cidr,
    gateway,
    uplink: hasUplink
      ? { address, prefixLength: ipv6PrefixLengthOf(range.ip6_cidr), gateway: range.ip6_gateway }
      : null,
    dns: own.length > 0 ? own : zones,
  };
}

/** Of a dual-stack network, the address that each NIC in it gives itself: SELECT from `nic` joined with `network`. */
export function nicIpv6Address(row: {
  readonly mac_address: MacAddress;
  readonly ip6_cidr: Ipv6Cidr | null;
  readonly internet_protocol: 'IPv4' | 'DualStack';
}): Ipv6Address | null {
  return row.ip6_cidr === null || row.internet_protocol !== 'DualStack'
    ? null
    : eui64Address(row.ip6_cidr, row.mac_address);
}

/** Firewall rules of IPv6. */
export const ipv6Rules: Loader = async (trx, networkId, ids) => {
  const rows = await trx
    .selectFrom('ipv6_firewall_rule')
    .selectAll()
    .where('network_id', '=', networkId)
    .where(among('id', ids))
    .execute();
  return new Map(rows.map((row) => [row.id, compileIpv6Rule(row)]));
};
