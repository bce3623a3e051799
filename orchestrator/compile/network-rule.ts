// A firewall rule of a whole network, of IPv6 or of a routed network, → its entry of the router's document. Pure.
import type { Ipv6Rule, RoutedRule } from '@isthmus/contract';
import { parseIpv4Cidr, parseIpv6Cidr } from '@isthmus/net';

/** The row, as far as it is compiled. */
export interface NetworkRuleRow {
  readonly traffic_type: 'Ingress' | 'Egress';
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  readonly start_port: number | null;
  readonly end_port: number | null;
  readonly icmp_type: number | null;
  readonly icmp_code: number | null;
  readonly cidr_list: string;
  readonly dest_cidr_list: string;
  readonly state: 'Add' | 'Active' | 'Revoke';
}

/** Of everything the entry says nothing: that is what an empty list means. */
function cidrs<Cidr>(list: string, parse: (text: string) => Cidr): Cidr[] {
  const items = list === '' ? [] : list.split(',');
  return items.some((item) => item === '0.0.0.0/0' || item === '::/0') ? [] : items.map(parse);
}

function match(row: NetworkRuleRow): Pick<RoutedRule, 'direction' | 'protocol' | 'ports' | 'icmp'> {
  const first = row.start_port;
  return {
    direction: row.traffic_type === 'Ingress' ? 'ingress' : 'egress',
    protocol: row.protocol,
    ...(first !== null && { ports: { first, last: row.end_port ?? first } }),
    ...(row.protocol === 'icmp' && { icmp: { type: row.icmp_type ?? -1, code: row.icmp_code ?? -1 } }),
  };
}

/** A rule of IPv6; null where it is wanted gone. */
export function compileIpv6Rule(row: NetworkRuleRow): Ipv6Rule | null {
  if (row.state === 'Revoke') return null;
  return {
    ...match(row),
    sources: cidrs(row.cidr_list, parseIpv6Cidr),
    destinations: cidrs(row.dest_cidr_list, parseIpv6Cidr),
  };
}

/** A rule of a routed network; null where it is wanted gone. */
export function compileRoutedRule(row: NetworkRuleRow): RoutedRule | null {
  if (row.state === 'Revoke') return null;
  return {
    ...match(row),
    sources: cidrs(row.cidr_list, parseIpv4Cidr),
    destinations: cidrs(row.dest_cidr_list, parseIpv4Cidr),
  };
}
