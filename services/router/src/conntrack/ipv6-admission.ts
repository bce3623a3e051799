// Which flows of IPv6 a document admits, as the rules of templates/firewall/ipv6 would decide their first packet.
import type { Ipv6Rule, RouterDocument } from '@isthmus/contract';
import { type Ipv6Address, type Ipv6Cidr, ipv6CidrContains, parseIpv6Cidr } from '@isthmus/net';
import { protocolMatches } from './admission.ts';
import type { Flow } from './conntrack.ts';

const linkScopes = ['fe80::/10', 'ff00::/8', '::1/128'].map(parseIpv6Cidr);

function listed(cidrs: readonly Ipv6Cidr[], address: Ipv6Address): boolean {
  return cidrs.length === 0 || cidrs.some((cidr) => ipv6CidrContains(cidr, address));
}

/** True where a rule takes the first packet of a flow, to permit or to deny it. Its direction is not looked at. */
export function ipv6RuleMatches(rule: Ipv6Rule, flow: Flow<6>): boolean {
  const { source, destination } = flow.original;
  return protocolMatches(rule, flow) && listed(rule.sources, source) && listed(rule.destinations, destination);
}

/**
 * A predicate that says whether a document admits a flow: that its first packet, sent again now, would be let through.
 * Flows to and from the router itself, and on a link, are always admitted.
 */
export function ipv6Admission({ settings, entries }: RouterDocument): (flow: Flow<6>) => boolean {
  const { guestNetworkIpv6: network, egressDefault } = settings.firewall;
  const own = new Set(settings.routing.interfaces.flatMap(({ ipv6 }) => ipv6?.address ?? []));
  const rules = [...entries['firewall.ipv6'].values()];
  const inbound = rules.filter(({ direction }) => direction === 'ingress');
  const outbound = rules.filter(({ direction }) => direction === 'egress');
  const isGuest = (address: Ipv6Address) => network !== undefined && ipv6CidrContains(network, address);
  const isLocal = (address: Ipv6Address) =>
    own.has(address) || linkScopes.some((scope) => ipv6CidrContains(scope, address));
  return (flow) => {
    const { source, destination } = flow.original;
    if (isLocal(source) || isLocal(destination)) return true;
    if (isGuest(source) && isGuest(destination)) return true;
    if (isGuest(destination)) return inbound.some((rule) => ipv6RuleMatches(rule, flow));
    const isMatched = outbound.some((rule) => ipv6RuleMatches(rule, flow));
    return isGuest(source) && isMatched === (egressDefault === 'deny');
  };
}
