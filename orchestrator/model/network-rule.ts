// What a firewall rule of a whole network may say: of IPv6, and of routed networks.

import { parameterError } from './api-error.ts';
import { type FirewallMatch, type FirewallMatchRequest, firewallMatch } from './firewall-rule.ts';

/** Ingress: from anywhere to guests; Egress: from guests. */
export type TrafficType = 'Ingress' | 'Egress';

/** The contract's limit of CIDRs in one rule. */
const maxCidrs = 1000;

/** The networks of each family that stand for all of it. */
const anywhere = { 4: '0.0.0.0/0', 6: '::/0' } as const;

/** A network rule as its caller gives it. */
export interface NetworkRuleRequest extends FirewallMatchRequest {
  readonly cidrlist?: readonly string[] | undefined;
  readonly destcidrlist?: readonly string[] | undefined;
}

/** A network rule as it is stored, without whose it is. */
export interface NetworkRuleMatch extends FirewallMatch {
  readonly cidr_list: string;
  readonly dest_cidr_list: string;
}

/**
 * Checks a rule's parts against each other. `guests`: the network's own CIDR, within which an ingress rule's destinations
 * and an egress rule's sources have to be. Throws 431 that names the parameter at fault.
 */
export function networkRuleMatch(
  request: NetworkRuleRequest,
  trafficType: TrafficType,
  guests: { readonly family: 4 | 6; readonly cidr: string; readonly isWithin: (cidr: string) => boolean },
): NetworkRuleMatch {
  const everything = anywhere[guests.family];
  const inside = trafficType === 'Ingress' ? 'destcidrlist' : 'cidrlist';
  for (const cidr of request[inside] ?? []) {
    if (cidr !== everything && !guests.isWithin(cidr)) {
      throw parameterError(inside, cidr, `a CIDR within the network's own ${guests.cidr}`);
    }
  }
  return {
    ...firewallMatch(request),
    cidr_list: stored('cidrlist', request.cidrlist) || (trafficType === 'Ingress' ? everything : guests.cidr),
    dest_cidr_list: stored('destcidrlist', request.destcidrlist),
  };
}

function stored(parameter: string, cidrs: readonly string[] | undefined): string {
  const list = cidrs ?? [];
  if (list.length > maxCidrs) throw parameterError(parameter, `${list.length} CIDRs`, `at most ${maxCidrs}`);
  return list.join(',');
}
