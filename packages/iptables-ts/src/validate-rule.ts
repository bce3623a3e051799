// What a single rule may hold, and what it may do in the hooks that its chain is reached from.
import { isInterfaceName, isIpv4Address, type PortRange } from '@isthmus/net';
import { families } from './families.ts';
import type { Issue } from './issue.ts';
import type { Family, Match, Rule, TableName, Target } from './model.ts';
import { isChainName, isSetName } from './names.ts';
import { conntrackStateOrder, portCount } from './render.ts';

type Report = (field: string, message: string) => void;

function checkPorts(ports: PortRange | undefined, protocol: string | undefined, field: string, report: Report): void {
  if (ports === undefined) return;
  const { first, last } = ports;
  if (protocol !== 'tcp' && protocol !== 'udp') report(field, 'needs protocol tcp or udp');
  const isValid = Number.isInteger(first) && Number.isInteger(last) && first >= 1 && first <= last && last <= 65535;
  if (!isValid) report(field, `${first}:${last} is no port range: expected 1 to 65535, first not after last`);
}

function checkAddresses(match: Match<Family>, family: Family, report: Report): void {
  for (const field of ['source', 'destination', 'originalDestination'] as const) {
    const cidr = match[field];
    if (cidr !== undefined && !families[family].isCidr(cidr))
      report(`match.${field}`, `${JSON.stringify(cidr)} is no IPv${family} CIDR`);
  }
  for (const field of ['inInterface', 'outInterface'] as const) {
    const name = match[field];
    if (name !== undefined && !isInterfaceName(name))
      report(`match.${field}`, `${JSON.stringify(name)} is no interface`);
  }
}

function checkNegation(match: Match<Family>, report: Report): void {
  for (const field of match.not ?? []) {
    if (match[field] === undefined) report('match.not', `names ${field}, which the match does not have`);
    else if (match[field].endsWith('/0'))
      report(`match.${field}`, 'is every address negated, which the kernel refuses');
  }
  if (new Set(match.not).size < (match.not?.length ?? 0)) report('match.not', 'names a field twice');
}

function isByte(number: number, max: number): boolean {
  return Number.isInteger(number) && number >= 0 && number <= max;
}

function checkProtocol({ icmp, protocol }: Match<Family>, family: Family, report: Report): void {
  const own = families[family].icmp;
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp' && protocol !== own) {
    report('match.protocol', `is ${protocol}: expected tcp, udp or ${own}`);
  }
  if (icmp === undefined) return;
  if (protocol !== own) report('match.icmp', `needs protocol ${own}`);
  // iptables writes type 255 for "any".
  if (!isByte(icmp.type, 254)) report('match.icmp.type', `is ${icmp.type}: expected 0 to 254`);
  if (icmp.code !== undefined && !isByte(icmp.code, 255))
    report('match.icmp.code', `is ${icmp.code}: expected 0 to 255`);
}

function checkConntrack({ conntrackStates: states }: Match<Family>, report: Report): void {
  if (states === undefined) return;
  const unknown = states.filter((state) => !conntrackStateOrder.includes(state));
  if (states.length === 0) report('match.conntrackStates', 'is empty: leave it out to match every packet');
  if (new Set(states).size < states.length) report('match.conntrackStates', 'names a state twice');
  if (unknown.length > 0) report('match.conntrackStates', `names ${unknown.join(', ')}, which is no state`);
}

function checkSets({ sets }: Match<Family>, report: Report): void {
  for (const [index, { name, direction }] of (sets ?? []).entries()) {
    if (!isSetName(name)) report(`match.sets.${index}.name`, `${JSON.stringify(name)} is no set name`);
    if (direction !== 'src' && direction !== 'dst') report(`match.sets.${index}.direction`, 'is neither src nor dst');
  }
}

function checkShares({ cluster, everyNth }: Match<Family>, family: Family, report: Report): void {
  if (cluster !== undefined) {
    const { total, share, seed } = cluster;
    const isNumber = [total, share, seed].every((number) => Number.isInteger(number) && number >= 0);
    if (!isNumber || total < 2 || total > 32) report('match.cluster.total', `is ${total}: expected 2 to 32`);
    else if (share < 1 || share > total) report('match.cluster.share', `is ${share}: expected 1 to ${total}`);
    if (!(seed <= 0xffffffff)) report('match.cluster.seed', `is ${seed}: expected 32 bits`);
    if (family !== 4) report('match.cluster', 'is known for IPv4 only');
  }
  if (everyNth === undefined) return;
  if (!Number.isInteger(everyNth) || everyNth < 1 || everyNth > 0xffffffff) {
    report('match.everyNth', `is ${everyNth}: expected 1 or more`);
  }
}

function checkDnat(target: Extract<Target, { kind: 'DNAT' }>, match: Match<Family>, report: Report): void {
  const { address, ports } = target;
  if (!isIpv4Address(address)) report('target.address', `${JSON.stringify(address)} is no IPv4 address`);
  checkPorts(ports, match.protocol, 'target.ports', report);
  if (ports === undefined || ports.first === ports.last) return;
  const from = match.destinationPorts;
  if (from === undefined || portCount(from) !== portCount(ports)) {
    report('target.ports', 'is a range: expected a single port, or as many ports as match.destinationPorts');
  }
}

function checkTarget({ target, match }: Rule<Family>, family: Family, report: Report): void {
  switch (target.kind) {
    case 'jump':
    case 'goto':
      if (!isChainName(target.chain)) report('target.chain', `${JSON.stringify(target.chain)} is no chain name`);
      return;
    case 'REJECT':
      if (target.with === 'tcp-reset') {
        if (match.protocol !== 'tcp') report('target.with', 'tcp-reset needs protocol tcp');
      } else if (!families[family].rejections.includes(target.with)) {
        report('target.with', `is ${target.with}: expected ${families[family].rejections.join(' or ')}`);
      }
      return;
    case 'SNAT':
      if (!isIpv4Address(target.address))
        report('target.address', `${JSON.stringify(target.address)} is no IPv4 address`);
      return;
    case 'DNAT':
      checkDnat(target, match, report);
      return;
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
    case 'MASQUERADE':
    case 'NOTRACK':
      return;
  }
}

/** The faults of a rule by itself. */
export function ruleIssues(path: string, rule: Rule<Family>, family: Family): Issue[] {
  const issues: Issue[] = [];
  const report: Report = (field, message) => {
    issues.push({ path: `${path}.${field}`, message });
  };
  const { match } = rule;
  checkAddresses(match, family, report);
  checkNegation(match, report);
  checkPorts(match.sourcePorts, match.protocol, 'match.sourcePorts', report);
  checkPorts(match.destinationPorts, match.protocol, 'match.destinationPorts', report);
  checkProtocol(match, family, report);
  checkConntrack(match, report);
  checkSets(match, report);
  checkShares(match, family, report);
  checkTarget(rule, family, report);
  const isNat = ['SNAT', 'DNAT', 'MASQUERADE'].includes(rule.target.kind);
  if (isNat && family === 6) report('target', `${rule.target.kind} is for IPv4 alone`);
  return issues;
}

/** Where the kernel takes a target: the table, and the hooks that its chain may be reached from. */
const targetPlaces: Partial<Record<Target<Family>['kind'], { table: TableName; hooks: readonly string[] }>> = {
  DNAT: { table: 'nat', hooks: ['PREROUTING', 'OUTPUT'] },
  SNAT: { table: 'nat', hooks: ['INPUT', 'POSTROUTING'] },
  NOTRACK: { table: 'raw', hooks: ['PREROUTING', 'OUTPUT'] },
  MASQUERADE: { table: 'nat', hooks: ['POSTROUTING'] },
  REJECT: { table: 'filter', hooks: ['INPUT', 'FORWARD', 'OUTPUT'] },
};

/** Interfaces that a built-in chain's own rules cannot name, since the packet has none there. */
const absentInterfaces: Readonly<Record<string, readonly ('inInterface' | 'outInterface')[]>> = {
  PREROUTING: ['outInterface'],
  INPUT: ['outInterface'],
  FORWARD: [],
  OUTPUT: ['inInterface'],
  POSTROUTING: ['inInterface'],
};

/** Where a rule stands. `hooks`: the built-in chains from which its chain is reached, none where nothing leads to it. */
export interface RulePlace {
  readonly table: TableName;
  readonly chain: string;
  readonly hooks: ReadonlySet<string> | undefined;
}

/** The faults of a rule in its place. */
export function hookIssues(path: string, { match, target }: Rule<Family>, { table, chain, hooks }: RulePlace): Issue[] {
  const issues: Issue[] = [];
  const place = targetPlaces[target.kind];
  const reached = [...(hooks ?? [])];
  if (place !== undefined && place.table !== table) {
    issues.push({ path: `${path}.target`, message: `${target.kind} works in the table ${place.table} only` });
  } else if (place !== undefined && reached.some((hook) => !place.hooks.includes(hook))) {
    const message = `${target.kind} works below ${place.hooks.join(', ')} only, and ${reached.join(', ')} leads here`;
    issues.push({ path: `${path}.target`, message });
  }
  if (target.kind === 'DROP' && table === 'nat') {
    issues.push({ path: `${path}.target`, message: 'DROP does not work in the table nat: it is not for filtering' });
  }
  for (const field of absentInterfaces[chain] ?? []) {
    if (match[field] !== undefined)
      issues.push({ path: `${path}.match.${field}`, message: `has no meaning in ${chain}` });
  }
  return issues;
}
