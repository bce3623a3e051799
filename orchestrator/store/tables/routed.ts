// Tables of routed networks. Columns are described where they are made: migrations/0007-ipv6-and-routed.ts.
import type { Ipv4Cidr } from '@isthmus/net';
import type { Generated } from 'kysely';
import type { Timestamp } from './columns.ts';
import type { NetworkFirewallRuleTable } from './ipv6.ts';

/** A subnet of a zone that routed networks are cut out of; an account's or a domain's own, or everybody's. */
export interface ZoneIpv4SubnetTable {
  id: Generated<string>;
  zone_id: string;
  subnet: Ipv4Cidr;
  account_id: string | null;
  domain_id: string | null;
  created: Timestamp;
}

/** What was cut out of a zone's subnet; free where no network has it. */
export interface GuestIpv4SubnetTable {
  id: Generated<string>;
  parent_id: string;
  subnet: Ipv4Cidr;
  network_id: string | null;
  /** Made by an admin: it stays when its network goes. */
  is_explicit: boolean;
  allocated: Date | null;
  created: Timestamp;
}

export interface RoutedTables {
  zone_ipv4_subnet: ZoneIpv4SubnetTable;
  guest_ipv4_subnet: GuestIpv4SubnetTable;
  routing_firewall_rule: NetworkFirewallRuleTable;
}
