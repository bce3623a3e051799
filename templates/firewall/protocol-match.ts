import type { EgressRule, IngressRule } from '@isthmus/contract';
import type { Match } from '@isthmus/iptables-ts';

/** What a rule's protocol, ports and ICMP type say as a match; `all` says nothing, type or code -1 means any. */
export function protocolMatch({ protocol, ports, icmp }: IngressRule | EgressRule): Match {
  if (protocol === 'all') return {};
  if (protocol !== 'icmp') return { protocol, ...(ports === undefined ? {} : { destinationPorts: ports }) };
  if (icmp === undefined || icmp.type === -1) return { protocol };
  return { protocol, icmp: { type: icmp.type, ...(icmp.code === -1 ? {} : { code: icmp.code }) } };
}
