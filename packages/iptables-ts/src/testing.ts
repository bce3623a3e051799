// For tests only (`@isthmus/iptables-ts/testing`): random valid models. Wide enough to reach every field of the model.
import {
  type Ipv4Address,
  type Ipv4Cidr,
  type Ipv6Cidr,
  ipv4FromNumber,
  ipv4Network,
  ipv4ToNumber,
  ipv6FromBigInt,
  ipv6Network,
  type PortRange,
  parseInterfaceName,
  portRange,
  prefixLengthOf,
} from '@isthmus/net';
import fc from 'fast-check';
import { type Chain, type Match, type Rule, type RuleSet, type TableName, type Target, tableNames } from './model.ts';
import { builtInChains } from './names.ts';
import { conntrackStateOrder } from './render.ts';
import { validateRuleSet } from './validate.ts';

/** What random models may name: the values that meet the packets of a test. */
export interface RuleSetChoices {
  readonly cidrs: fc.Arbitrary<Ipv4Cidr>;
  /** Where NAT translates to. */
  readonly addresses: fc.Arbitrary<Ipv4Address>;
  readonly interfaces: readonly string[];
  readonly sets: readonly string[];
  readonly ports: fc.Arbitrary<PortRange>;
  readonly maxRules: number;
  /** Rules may go by what came before a packet (`everyNth`). */
  readonly hasCounts: boolean;
}

const anyAddress = fc.nat({ max: 0xffffffff }).map(ipv4FromNumber);

/** Any CIDR. */
export const anyCidr: fc.Arbitrary<Ipv4Cidr> = fc
  .tuple(anyAddress, fc.integer({ min: 0, max: 32 }))
  .map(([address, bits]) => ipv4Network(address, bits));

/** Any port range. */
export const anyPorts: fc.Arbitrary<PortRange> = fc
  .tuple(fc.integer({ min: 1, max: 65535 }), fc.nat({ max: 65535 }))
  .map(([first, length]) => portRange(first, Math.min(65535, first + length)));

/** The whole breadth of the model; sets named `s1` and `s-2`. */
export const anyChoices: RuleSetChoices = {
  cidrs: anyCidr,
  addresses: anyAddress,
  interfaces: ['eth0', 'eth1.5', 'br-x_1'],
  sets: ['s1', 's-2'],
  ports: anyPorts,
  maxRules: 4,
  hasCounts: true,
};

function optional(field: keyof Match | 'negated', value: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 2, arbitrary: fc.record({ [field]: value }) });
}

function merged(...parts: readonly fc.Arbitrary<object>[]): fc.Arbitrary<object> {
  return fc.tuple(...parts).map((values) => Object.assign({}, ...values));
}

function protocolMatch({ ports }: RuleSetChoices): fc.Arbitrary<object> {
  const icmp = fc.oneof(
    fc.record({ type: fc.integer({ min: 0, max: 18 }) }),
    fc.record({ type: fc.constantFrom(3, 8), code: fc.integer({ min: 0, max: 3 }) }),
  );
  const portFields = merged(
    fc.record({ protocol: fc.constantFrom('tcp', 'udp') }),
    optional('sourcePorts', ports),
    optional('destinationPorts', ports),
  );
  return fc.oneof(
    fc.constant({}),
    portFields,
    portFields,
    merged(fc.record({ protocol: fc.constant('icmp') }), optional('icmp', icmp)),
  );
}

const anyCluster = fc
  .record({ total: fc.integer({ min: 2, max: 32 }), seed: fc.nat({ max: 0xffffffff }) })
  .chain(({ total, seed }) =>
    fc.record({ total: fc.constant(total), share: fc.integer({ min: 1, max: total }), seed: fc.constant(seed) }),
  );

/** A random match; `not` may name a field that is absent or 0.0.0.0/0, which `anyRuleSet` filters out. */
function anyMatch(choices: RuleSetChoices): fc.Arbitrary<Match> {
  const interfaces = fc.constantFrom(...choices.interfaces).map(parseInterfaceName);
  const set = merged(
    fc.record({ name: fc.constantFrom(...choices.sets), direction: fc.constantFrom('src', 'dst') }),
    optional('negated', fc.constant(true)),
  );
  const fields = merged(
    optional('inInterface', interfaces),
    optional('outInterface', interfaces),
    optional('source', choices.cidrs),
    optional('destination', choices.cidrs),
    protocolMatch(choices),
    optional('conntrackStates', fc.subarray([...conntrackStateOrder], { minLength: 1 })),
    optional('originalDestination', choices.cidrs),
    optional('cluster', anyCluster),
    choices.hasCounts ? optional('everyNth', fc.integer({ min: 1, max: 0xffffffff })) : fc.constant({}),
    choices.sets.length === 0 ? fc.constant({}) : optional('sets', fc.array(set, { minLength: 1, maxLength: 2 })),
  ) as fc.Arbitrary<Match>;
  const negatable = ['inInterface', 'outInterface', 'source', 'destination'] as const;
  return fc.tuple(fields, fc.subarray([...negatable])).map(([match, fieldsToNegate]) => {
    const not = fieldsToNegate.filter((field) => match[field] !== undefined && !match[field].endsWith('/0'));
    return not.length === 0 ? match : { ...match, not };
  });
}

function dnatPorts(match: Match): fc.Arbitrary<{ ports?: PortRange }> {
  if (match.protocol !== 'tcp' && match.protocol !== 'udp') return fc.constant({});
  const length = match.destinationPorts === undefined ? 0 : match.destinationPorts.last - match.destinationPorts.first;
  const shifted = fc
    .integer({ min: 1, max: 65535 - length })
    .map((first) => ({ ports: portRange(first, first + length) }));
  const single = fc.integer({ min: 1, max: 65535 }).map((port) => ({ ports: portRange(port) }));
  return fc.oneof(fc.constant({}), shifted, single);
}

function anyTarget(match: Match, below: readonly string[], choices: RuleSetChoices): fc.Arbitrary<Target> {
  const address = choices.addresses;
  const chains =
    below.length === 0 ? [] : [{ kind: fc.constantFrom('jump', 'goto'), chain: fc.constantFrom(...below) }];
  const rejection = fc.constantFrom('icmp-port-unreachable', 'icmp-admin-prohibited', 'tcp-reset');
  return fc.oneof(
    fc.record({ kind: fc.constantFrom('ACCEPT', 'DROP', 'RETURN', 'MASQUERADE') }),
    ...chains.flatMap((way) => [fc.record(way), fc.record(way)]),
    fc.record({ kind: fc.constant('REJECT'), with: rejection }),
    fc.record({ kind: fc.constant('SNAT'), address }),
    merged(fc.record({ kind: fc.constant('DNAT'), address }), dnatPorts(match)),
  ) as fc.Arbitrary<Target>;
}

function anyRule(below: readonly string[], choices: RuleSetChoices): fc.Arbitrary<Rule> {
  return anyMatch(choices).chain((match) => anyTarget(match, below, choices).map((target) => ({ match, target })));
}

const userChains = ['web', 'A-1', 'z.9_x'];

function anyTable(table: TableName, choices: RuleSetChoices): fc.Arbitrary<[TableName, Map<string, Chain>]> {
  const rules = (below: readonly string[]) => fc.array(anyRule(below, choices), { maxLength: choices.maxRules });
  const builtIn = builtInChains[table].map((name) =>
    fc
      .tuple(fc.constantFrom('ACCEPT', 'DROP'), rules(userChains))
      .map(([policy, list]) => [name, { policy, rules: list }]),
  );
  // A chain jumps only to those after it, so that no loops come up.
  const user = userChains.map((name, index) =>
    rules(userChains.slice(index + 1)).map((list) => [name, { rules: list }]),
  );
  return fc.tuple(...builtIn, ...user).map((entries) => [table, new Map(entries as [string, Chain][])]);
}

/** Takes out the rules that `validateRuleSet` names, and the policies that a table does not have, until it names none. */
function withoutIssues(ruleSet: RuleSet): RuleSet {
  const issues = validateRuleSet(ruleSet);
  if (issues.length === 0) return ruleSet;
  const faulty = new Set(issues.map(({ path }) => path));
  const isFaulty = (path: string): boolean => [...faulty].some((p) => p === path || p.startsWith(`${path}.`));
  const tables = Object.entries(ruleSet).map(([table, chains]) => {
    const kept = [...chains].map(([name, chain]): [string, Chain] => {
      const rules = chain.rules.filter((_rule, index) => !isFaulty(`${table}.${name}.rules.${index}`));
      const policy = faulty.has(`${table}.${name}`) ? 'ACCEPT' : chain.policy;
      return [name, policy === undefined ? { rules } : { policy, rules }];
    });
    return [table, new Map(kept)];
  });
  return withoutIssues(Object.fromEntries(tables));
}

/** Random rule sets in which `validateRuleSet` finds nothing, over the tables given. */
export function anyRuleSet(choices = anyChoices, tables: readonly TableName[] = tableNames): fc.Arbitrary<RuleSet> {
  return fc
    .tuple(...tables.map((table) => anyTable(table, choices)))
    .map((entries) => withoutIssues(Object.fromEntries(entries)));
}

/** The network of IPv6 that stands for one of IPv4 in `ipv6RuleSet`: as different from others, and with as many lengths. */
export function ipv6CidrFor(cidr: Ipv4Cidr): Ipv6Cidr {
  const number = BigInt(ipv4ToNumber(cidr.slice(0, cidr.indexOf('/')) as Ipv4Address));
  return ipv6Network(ipv6FromBigInt((number << 96n) | (number << 32n) | number), prefixLengthOf(cidr) * 4);
}

function ipv6Match({ source, destination, originalDestination, protocol, cluster: _, ...match }: Match): Match<6> {
  return {
    ...match,
    ...(source === undefined ? {} : { source: ipv6CidrFor(source) }),
    ...(destination === undefined ? {} : { destination: ipv6CidrFor(destination) }),
    ...(originalDestination === undefined ? {} : { originalDestination: ipv6CidrFor(originalDestination) }),
    ...(protocol === undefined ? {} : { protocol: protocol === 'icmp' ? 'icmpv6' : protocol }),
  };
}

function ipv6Target(target: Target): Target<6> {
  switch (target.kind) {
    case 'SNAT':
    case 'DNAT':
    case 'MASQUERADE':
      return { kind: 'DROP' };
    case 'REJECT':
      if (target.with === 'tcp-reset') return { kind: 'REJECT', with: 'tcp-reset' };
      return {
        kind: 'REJECT',
        with: target.with === 'icmp-admin-prohibited' ? 'icmp6-adm-prohibited' : 'icmp6-port-unreachable',
      };
    default:
      return target;
  }
}

/** A valid rule set of IPv6 with the shape of one of IPv4; translations become DROP. */
function ipv6RuleSet(ruleSet: RuleSet): RuleSet<6> {
  return Object.fromEntries(
    Object.entries(ruleSet).map(([table, chains]) => [
      table,
      new Map(
        [...chains].map(([name, { rules, ...chain }]): [string, Chain<6>] => [
          name,
          {
            ...chain,
            rules: rules.map(({ match, target }) => ({ match: ipv6Match(match), target: ipv6Target(target) })),
          },
        ]),
      ),
    ]),
  );
}

/** Random rule sets of IPv6 in which `validateRuleSet` finds nothing, without the table nat. */
export function anyIpv6RuleSet(choices = anyChoices): fc.Arbitrary<RuleSet<6>> {
  return anyRuleSet(choices, ['raw', 'mangle', 'filter']).map(ipv6RuleSet);
}
