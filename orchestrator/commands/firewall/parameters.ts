// Parameters that ingress and egress rules share.
import type { FirewallProtocol } from '../../model/firewall-rule.ts';
import { p } from '../parameter.ts';

/** CIDRs, comma-separated; as long as the contract's most CIDRs in one rule. */
export const cidrListOptions = { maxLength: 19_000 };

/** What a rule matches. */
export const matchParameters = {
  protocol: p.oneOf<FirewallProtocol>('tcp', 'udp', 'icmp', 'all').required('The protocol: tcp, udp, icmp or all'),
  startport: p.port.optional('The first port, for tcp and udp; by default every port'),
  endport: p.port.optional('The last port; by default startport'),
  icmptype: p.integer(-1, 255).optional('The ICMP type; -1, the default: any'),
  icmpcode: p.integer(-1, 255).optional('The ICMP code; -1, the default: any'),
  cidrlist: p.cidrList.optional(
    'The CIDRs that the traffic comes from, comma-separated; by default all (egress: the network)',
    cidrListOptions,
  ),
  fordisplay: p.boolean.optional('Accepted for the clients that send it'),
  type: p.oneOf('User').optional('User: rules are made by users'),
} as const;
