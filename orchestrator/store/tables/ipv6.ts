// Tables of IPv6. Columns are described where they are made: migrations/0007-ipv6-and-routed.ts.
import type { Ipv6Cidr } from '@isthmus/net';
import type { ColumnType, Generated } from 'kysely';

/** A prefix of a zone, of which every dual-stack network gets a /64. */
export interface GuestNetworkIpv6PrefixTable {
  id: Generated<string>;
  zone_id: string;
  prefix: Ipv6Cidr;
  created: ColumnType<Date, Date | undefined, Date>;
}

/** A firewall rule of a whole network, whatever its addresses: of IPv6 and of routed networks. */
export interface NetworkFirewallRuleTable {
  id: Generated<string>;
  traffic_type: 'Ingress' | 'Egress';
  network_id: string;
  /** `icmp` is ICMPv6 in rules of IPv6. */
  protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  start_port: number | null;
  end_port: number | null;
  icmp_type: number | null;
  icmp_code: number | null;
  /** Comma-separated; '' for anywhere. */
  cidr_list: Generated<string>;
  dest_cidr_list: Generated<string>;
  state: 'Add' | 'Active' | 'Revoke';
  /** The row as it was acknowledged, while a change of it waits; what a refusal goes back to. */
  previous: ColumnType<unknown, string | null, string | null> | null;
  account_id: string;
  domain_id: string;
  created: ColumnType<Date, Date | undefined, Date>;
}

export interface Ipv6Tables {
  guest_network_ipv6_prefix: GuestNetworkIpv6PrefixTable;
  ipv6_firewall_rule: NetworkFirewallRuleTable;
}
