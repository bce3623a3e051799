import type { EgressRule } from '@isthmus/contract';
import type { Family, Match, ProtocolOf } from '@isthmus/iptables-ts';

/** What every kind of rule says of a packet's protocol. */
export type ProtocolFields = Pick<EgressRule, 'protocol' | 'ports' | 'icmp'>;

/**
 * What a rule's protocol, ports and ICMP type say as a match; `all` says nothing, type or code -1 means any. `icmpName`:
 * the family's ICMP.
 */
export function protocolMatch<F extends Family>(
  { protocol, ports, icmp }: ProtocolFields,
  icmpName: Exclude<ProtocolOf<F>, 'tcp' | 'udp'>,
): Match<F> {
  if (protocol === 'all') return {};
  if (protocol !== 'icmp') return { protocol, ...(ports === undefined ? {} : { destinationPorts: ports }) };
  if (icmp === undefined || icmp.type === -1) return { protocol: icmpName };
  return { protocol: icmpName, icmp: { type: icmp.type, ...(icmp.code === -1 ? {} : { code: icmp.code }) } };
}
