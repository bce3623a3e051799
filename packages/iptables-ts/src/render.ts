// The one writer of iptables-restore text.
import { formatPortRange, type PortRange } from '@isthmus/net';
import { families } from './families.ts';
import {
  type ConntrackState,
  type Family,
  type Match,
  type Rule,
  type RuleSet,
  type Target,
  tableNames,
} from './model.ts';
import { builtInChains, isBuiltInChain } from './names.ts';

/** The order in which iptables-save 1.8.9 writes conntrack states. */
export const conntrackStateOrder: readonly ConntrackState[] = [
  'INVALID',
  'NEW',
  'RELATED',
  'ESTABLISHED',
  'UNTRACKED',
  'SNAT',
  'DNAT',
];

const plainWord = /^[A-Za-z0-9_.,:/~!*[\]-]+$/;

/**
 * A line of iptables-restore or `ipset restore` text from its words. No word of a valid model needs quotes; one with any
 * other character is refused here, so that no value can add a word or a line. Throws RangeError.
 */
export function writeLine(words: readonly string[]): string {
  for (const word of words) {
    if (!plainWord.test(word)) {
      throw new RangeError(`${JSON.stringify(word)} cannot stand in a rule: expected letters, digits and _ . , : / -`);
    }
  }
  return words.join(' ');
}

function addresses(match: Match<Family>, negation: (field: 'source' | 'destination') => string[]): string[] {
  const words: string[] = [];
  for (const [field, option] of [
    ['source', '-s'],
    ['destination', '-d'],
  ] as const) {
    const cidr = match[field];
    const isNegated = negation(field).length > 0;
    if (cidr !== undefined && (isNegated || !cidr.endsWith('/0'))) words.push(...negation(field), option, cidr);
  }
  return words;
}

function protocol(match: Match<Family>): string[] {
  const { sourcePorts, destinationPorts, icmp } = match;
  const hasPorts = sourcePorts !== undefined || destinationPorts !== undefined;
  // Left out, they would widen the rule in silence.
  if (hasPorts && match.protocol !== 'tcp' && match.protocol !== 'udp') throw new RangeError('ports need tcp or udp');
  const isIcmp = match.protocol === 'icmp' || match.protocol === 'icmpv6';
  if (icmp !== undefined && !isIcmp) throw new RangeError('an ICMP type needs protocol icmp or icmpv6');
  if (match.protocol === undefined) return [];
  const words = ['-p', match.protocol === 'icmpv6' ? families[6].icmpWord : match.protocol];
  if (hasPorts) words.push('-m', match.protocol);
  if (sourcePorts !== undefined) words.push('--sport', formatPortRange(sourcePorts));
  if (destinationPorts !== undefined) words.push('--dport', formatPortRange(destinationPorts));
  if (icmp !== undefined) {
    const type = icmp.code === undefined ? `${icmp.type}` : `${icmp.type}/${icmp.code}`;
    const { icmpMatch, icmpOption } = families[match.protocol === 'icmpv6' ? 6 : 4];
    words.push('-m', icmpMatch, icmpOption, type);
  }
  return words;
}

function conntrack({ conntrackStates, originalDestination }: Match<Family>): string[] {
  if (conntrackStates === undefined && originalDestination === undefined) return [];
  const words = ['-m', 'conntrack'];
  if (conntrackStates !== undefined) {
    words.push('--ctstate', conntrackStateOrder.filter((state) => conntrackStates.includes(state)).join(','));
  }
  if (originalDestination !== undefined) words.push('--ctorigdst', originalDestination);
  return words;
}

/** A 32-bit number as iptables-save writes it. */
function hex(number: number): string {
  return `0x${number.toString(16).padStart(8, '0')}`;
}

/** iptables-save writes the node as a mask, which iptables-restore 1.8.9 refuses above 32: so it is written as a number. */
function shares({ cluster, everyNth }: Match<Family>): string[] {
  const words: string[] = [];
  if (cluster !== undefined) {
    words.push('-m', 'cluster', '--cluster-local-node', String(cluster.share));
    words.push('--cluster-total-nodes', String(cluster.total), '--cluster-hash-seed', hex(cluster.seed));
  }
  if (everyNth !== undefined) {
    words.push('-m', 'statistic', '--mode', 'nth', '--every', String(everyNth), '--packet', '0');
  }
  return words;
}

function matchWords(match: Match<Family>): string[] {
  const negation = (field: 'inInterface' | 'outInterface' | 'source' | 'destination'): string[] =>
    match.not?.includes(field) === true ? ['!'] : [];
  const words = addresses(match, negation);
  if (match.inInterface !== undefined) words.push(...negation('inInterface'), '-i', match.inInterface);
  if (match.outInterface !== undefined) words.push(...negation('outInterface'), '-o', match.outInterface);
  words.push(...protocol(match), ...conntrack(match));
  for (const set of match.sets ?? []) {
    words.push('-m', 'set', ...(set.negated === true ? ['!'] : []), '--match-set', set.name, set.direction);
  }
  words.push(...shares(match));
  return words;
}

/** The length of a port range in ports. */
export function portCount({ first, last }: PortRange): number {
  return last - first + 1;
}

function dnatDestination(target: Extract<Target, { kind: 'DNAT' }>, match: Match<Family>): string {
  const { address, ports } = target;
  if (ports === undefined) return address;
  if (ports.first === ports.last) return `${address}:${ports.first}`;
  if (match.destinationPorts === undefined) {
    throw new RangeError(`DNAT to ports ${ports.first}-${ports.last} needs destinationPorts in the match`);
  }
  return `${address}:${ports.first}-${ports.last}/${match.destinationPorts.first}`;
}

function targetWords(target: Target<Family>, match: Match<Family>): string[] {
  switch (target.kind) {
    case 'jump':
      return ['-j', target.chain];
    case 'goto':
      return ['-g', target.chain];
    case 'NOTRACK':
      return ['-j', 'CT', '--notrack'];
    case 'REJECT':
      return ['-j', 'REJECT', '--reject-with', target.with];
    case 'SNAT':
      return ['-j', 'SNAT', '--to-source', target.address];
    case 'DNAT':
      return ['-j', 'DNAT', '--to-destination', dnatDestination(target, match)];
    default:
      return ['-j', target.kind];
  }
}

/**
 * One `-A` line of iptables-restore, without the newline, in the spelling of iptables-save 1.8.9. Two rules are the same
 * where their lines are. DNAT to a range is written `--to-destination ADDRESS:FIRST-LAST/BASE`, BASE being the first
 * of the match's destination ports: the kernel then keeps the offset (NF_NAT_RANGE_PROTO_OFFSET). Without `/BASE` it
 * would pick any port of the range. Throws RangeError on a value that no valid model holds.
 */
export function renderRule(chain: string, rule: Rule<Family>): string {
  return writeLine(['-A', chain, ...matchWords(rule.match), ...targetWords(rule.target, rule.match)]);
}

/** The line that declares a chain: built-in ones with their policy, user chains with `-`. */
export function renderDeclaration(chain: string, policy: 'ACCEPT' | 'DROP' | undefined): string {
  return writeLine([`:${chain}`, policy ?? '-', '[0:0]']);
}

/** A table's chains in canonical order: built-in ones in the kernel's order, then user chains by code unit. */
export function chainOrder(table: (typeof tableNames)[number], chains: Iterable<string>): string[] {
  const names = new Set(chains);
  const builtIn = builtInChains[table].filter((chain) => names.has(chain));
  return [...builtIn, ...[...names].filter((chain) => !isBuiltInChain(table, chain)).sort()];
}

/**
 * A rule set as the text that `iptables-restore` (of IPv6: `ip6tables-restore`) reads, canonical: tables raw, mangle, nat, filter; built-in chains in
 * the kernel's order, user chains by name. Empty text for a rule set without tables.
 */
export function renderRuleSet(ruleSet: RuleSet<Family>): string {
  const lines: string[] = [];
  for (const table of tableNames) {
    const chains = ruleSet[table];
    if (chains === undefined) continue;
    lines.push(`*${table}`);
    const order = chainOrder(table, chains.keys());
    for (const name of order) {
      const builtIn = isBuiltInChain(table, name);
      lines.push(renderDeclaration(name, builtIn ? (chains.get(name)?.policy ?? 'ACCEPT') : undefined));
    }
    for (const name of order) {
      for (const rule of chains.get(name)?.rules ?? []) lines.push(renderRule(name, rule));
    }
    lines.push('COMMIT');
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
