// What a firewall rule may say, and when two say the same.
import { cidrsOverlap, type Ipv4Cidr, parseIpv4Cidr, prefixLengthOf } from '@isthmus/net';
import { parameterError } from './api-error.ts';

export type FirewallProtocol = 'tcp' | 'udp' | 'icmp' | 'all';

/** A firewall rule as its caller gives it, undefined where nothing is given. */
export interface FirewallMatchRequest {
  readonly protocol: FirewallProtocol;
  readonly startport?: number | undefined;
  readonly endport?: number | undefined;
  readonly icmptype?: number | undefined;
  readonly icmpcode?: number | undefined;
}

/** A firewall rule's protocol part as it is stored. Ports of both null: every port. */
export interface FirewallMatch {
  readonly protocol: FirewallProtocol;
  readonly start_port: number | null;
  readonly end_port: number | null;
  readonly icmp_type: number | null;
  readonly icmp_code: number | null;
}

/** The contract's limit of CIDRs in one rule. */
const maxCidrs = 1000;

/** Checks protocol, ports and ICMP fields against each other. Throws 431 that names the parameter at fault. */
export function firewallMatch(request: FirewallMatchRequest): FirewallMatch {
  const { protocol, startport, endport, icmptype, icmpcode } = request;
  if (protocol !== 'icmp') refuse({ icmptype, icmpcode }, 'no value, as it belongs to protocol icmp alone');
  if (protocol === 'icmp' || protocol === 'all') {
    refuse({ startport, endport }, 'no value, as ports belong to the protocols tcp and udp');
  }
  const icmp = protocol === 'icmp';
  if (icmp && icmptype === undefined && icmpcode !== undefined && icmpcode !== -1) {
    throw parameterError('icmpcode', icmpcode, 'parameter icmptype beside it');
  }
  if (startport === undefined && endport !== undefined) {
    throw parameterError('endport', endport, 'parameter startport beside it');
  }
  if (startport !== undefined && endport !== undefined && startport > endport) {
    throw parameterError('endport', endport, `a port not below startport ${startport}`);
  }
  return {
    protocol,
    start_port: startport ?? null,
    end_port: endport ?? startport ?? null,
    icmp_type: icmp ? (icmptype ?? -1) : null,
    icmp_code: icmp ? (icmpcode ?? -1) : null,
  };
}

function refuse(values: Readonly<Record<string, unknown>>, expected: string): void {
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) throw parameterError(name, value, expected);
  }
}

/** A CIDR list as it is stored: in the order given, comma-separated; '' for none. Throws 431 for too many. */
export function storedCidrList(parameter: string, cidrs: readonly Ipv4Cidr[] | undefined): string {
  const list = cidrs ?? [];
  if (list.length > maxCidrs) throw parameterError(parameter, `${list.length} CIDRs`, `at most ${maxCidrs}`);
  return list.join(',');
}

/** Reads a stored CIDR list. */
export function cidrListOf(stored: string): Ipv4Cidr[] {
  return stored === '' ? [] : stored.split(',').map((item) => parseIpv4Cidr(item));
}

/** Checks that an egress rule's sources lie in the guest network; `0.0.0.0/0` stands for all of it. Throws 431. */
export function checkEgressSources(cidrs: readonly Ipv4Cidr[] | undefined, network: Ipv4Cidr): void {
  for (const cidr of cidrs ?? []) {
    const within = cidrsOverlap(cidr, network) && prefixLengthOf(cidr) >= prefixLengthOf(network);
    if (!within && cidr !== '0.0.0.0/0') {
      throw parameterError('cidrlist', cidr, `a CIDR within the network's own ${network}`);
    }
  }
}

/** A stored rule, as far as conflicts go. */
export interface FirewallRuleLike extends FirewallMatch {
  readonly cidr_list: string;
  readonly dest_cidr_list: string;
}

const anywhere = '0.0.0.0/0';

function shared(a: string, b: string): boolean {
  const items = new Set((a === '' ? anywhere : a).split(','));
  return (b === '' ? anywhere : b).split(',').some((item) => items.has(item));
}

/**
 * Whether two rules of one address (or of one network's egress) conflict, as the field has it: same protocol, a CIDR in
 * common, and ports that overlap or the same ICMP type and code.
 */
export function firewallRulesConflict(a: FirewallRuleLike, b: FirewallRuleLike): boolean {
  if (a.protocol !== b.protocol) return false;
  if (!shared(a.cidr_list, b.cidr_list) || !shared(a.dest_cidr_list, b.dest_cidr_list)) return false;
  if (a.protocol === 'icmp') return a.icmp_type === b.icmp_type && a.icmp_code === b.icmp_code;
  return firstPort(a) <= lastPort(b) && firstPort(b) <= lastPort(a);
}

/** Whether one rule admits everything that the other does. */
export function firewallRuleCovers(a: FirewallRuleLike, b: FirewallRuleLike): boolean {
  const sources = new Set((a.cidr_list === '' ? anywhere : a.cidr_list).split(','));
  return (
    a.protocol === b.protocol &&
    firstPort(a) <= firstPort(b) &&
    lastPort(a) >= lastPort(b) &&
    (sources.has(anywhere) || (b.cidr_list !== '' && b.cidr_list.split(',').every((item) => sources.has(item))))
  );
}

function firstPort(rule: FirewallMatch): number {
  return rule.start_port ?? 1;
}

function lastPort(rule: FirewallMatch): number {
  return rule.end_port ?? rule.start_port ?? 65535;
}
