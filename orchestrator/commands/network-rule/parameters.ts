import { cidrListOptions, matchParameters } from '../firewall/parameters.ts';
import { p } from '../parameter.ts';

const { cidrlist: _ipv4Sources, type: _type, ...shared } = matchParameters;

/** What a rule of a network matches; CIDRs of its family. */
export function networkRuleParameters(family: 4 | 6) {
  const list = family === 6 ? p.ipv6CidrList : p.cidrList;
  return {
    ...shared,
    cidrlist: list.optional(
      'The CIDRs that the traffic comes from, comma-separated; by default all (egress: the network)',
      cidrListOptions,
    ),
    destcidrlist: list.optional(
      'The CIDRs that the traffic goes to, comma-separated; by default all (ingress: the network)',
      cidrListOptions,
    ),
    traffictype: p.oneOf('Ingress', 'Egress').optional('Ingress, the default, or Egress'),
  };
}
