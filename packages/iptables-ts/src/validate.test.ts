import { type Ipv4Cidr, parseIpv4Address, parseIpv4Cidr, portRange } from '@isthmus/net';
import test from 'ava';
import { setMembers } from './ipset.ts';
import type { Chain, IpSet, Rule, RuleSet, TableName, Target } from './model.ts';
import { validateIpSet, validateRuleSet } from './validate.ts';

const accept: Target = { kind: 'ACCEPT' };
const address = parseIpv4Address('10.1.1.2');
const dnat: Target = { kind: 'DNAT', address };

function rule(match: object, target: object = accept): Rule {
  return { match, target } as Rule;
}

function one(table: TableName, chain: string, ...rules: Rule[]): RuleSet {
  return { [table]: new Map([[chain, { rules }]]) };
}

function nested(depth: number): RuleSet {
  const chain = (n: number): [string, Chain] => [
    n === 0 ? 'INPUT' : `c${n}`,
    { rules: n === depth ? [] : [rule({}, { kind: n % 2 === 0 ? 'jump' : 'goto', chain: `c${n + 1}` })] },
  ];
  return { filter: new Map(Array.from({ length: depth + 1 }, (_, n) => chain(n))) };
}

const input = (match: object, target: object = accept): RuleSet => one('filter', 'INPUT', rule(match, target));
const prerouting = (match: object, target: object): RuleSet => one('nat', 'PREROUTING', rule(match, target));
const web = { protocol: 'tcp', destinationPorts: portRange(80, 90) };

const rows: readonly [what: string, ruleSet: RuleSet, path: string][] = [
  ['destination ports without protocol', input({ destinationPorts: portRange(80) }), 'match.destinationPorts'],
  ['source ports of icmp', input({ protocol: 'icmp', sourcePorts: portRange(80) }), 'match.sourcePorts'],
  ['port 0', input({ protocol: 'tcp', sourcePorts: { first: 0, last: 80 } }), 'match.sourcePorts'],
  ['an empty range', input({ protocol: 'tcp', sourcePorts: { first: 81, last: 80 } }), 'match.sourcePorts'],
  ['a bare address', input({ source: '10.1.1.1' }), 'match.source'],
  ['bits after the prefix', input({ destination: '10.1.1.1/24' }), 'match.destination'],
  ['an original destination that is none', input({ originalDestination: 'x' }), 'match.originalDestination'],
  ['a space in an interface', input({ inInterface: 'eth0 -j ACCEPT' }), 'match.inInterface'],
  ['a long interface', one('filter', 'FORWARD', rule({ outInterface: 'e'.repeat(16) })), 'match.outInterface'],
  ['a negated field that is absent', input({ not: ['source'] }), 'match.not'],
  ['a field negated twice', input({ source: '10.0.0.0/8', not: ['source', 'source'] }), 'match.not'],
  ['a negated /0', input({ source: '0.0.0.0/0', not: ['source'] }), 'match.source'],
  ['an ICMP type without protocol', input({ icmp: { type: 8 } }), 'match.icmp'],
  ['ICMP type 255', input({ protocol: 'icmp', icmp: { type: 255 } }), 'match.icmp.type'],
  ['ICMP code 256', input({ protocol: 'icmp', icmp: { type: 3, code: 256 } }), 'match.icmp.code'],
  ['no states', input({ conntrackStates: [] }), 'match.conntrackStates'],
  ['a state twice', input({ conntrackStates: ['NEW', 'NEW'] }), 'match.conntrackStates'],
  ['an unknown state', input({ conntrackStates: ['OLD'] }), 'match.conntrackStates'],
  ['a long set name', input({ sets: [{ name: 's'.repeat(30), direction: 'src' }] }), 'match.sets.0.name'],
  ['an unknown direction', input({ sets: [{ name: 's', direction: 'both' }] }), 'match.sets.0.direction'],
  ['a jump to a bad name', input({}, { kind: 'jump', chain: 'a b' }), 'target.chain'],
  ['a jump to nowhere', input({}, { kind: 'goto', chain: 'nowhere' }), 'target.chain'],
  ['a jump to a built-in chain', input({}, { kind: 'jump', chain: 'INPUT' }), 'target.chain'],
  ['tcp-reset of every protocol', input({}, { kind: 'REJECT', with: 'tcp-reset' }), 'target.with'],
  [
    'REJECT outside filter',
    one('mangle', 'INPUT', rule({}, { kind: 'REJECT', with: 'icmp-port-unreachable' })),
    'target',
  ],
  ['DROP in nat', prerouting({}, { kind: 'DROP' }), 'target'],
  ['DNAT in filter', input({}, dnat), 'target'],
  ['SNAT in PREROUTING', prerouting({}, { kind: 'SNAT', address }), 'target'],
  ['NOTRACK outside raw', prerouting({}, { kind: 'NOTRACK' }), 'target'],
  ['MASQUERADE in PREROUTING', prerouting({}, { kind: 'MASQUERADE' }), 'target'],
  ['DNAT to a name', prerouting({}, { kind: 'DNAT', address: 'host' }), 'target.address'],
  ['SNAT to a name', one('nat', 'POSTROUTING', rule({}, { kind: 'SNAT', address: 'x' })), 'target.address'],
  ['DNAT ports without protocol', prerouting({}, { ...dnat, ports: portRange(80) }), 'target.ports'],
  ['DNAT to another length', prerouting(web, { ...dnat, ports: portRange(80, 91) }), 'target.ports'],
  [
    'DNAT of all ports to a range',
    prerouting({ protocol: 'tcp' }, { ...dnat, ports: portRange(1, 2) }),
    'target.ports',
  ],
  ['-o in PREROUTING', one('nat', 'PREROUTING', rule({ outInterface: 'eth0' })), 'match.outInterface'],
  ['-i in OUTPUT', one('filter', 'OUTPUT', rule({ inInterface: 'eth0' })), 'match.inInterface'],
];

for (const [what, ruleSet, field] of rows) {
  test(`names ${what}`, (t) => {
    const [table = '', chains = new Map()] = Object.entries(ruleSet)[0] ?? [];
    const [chain] = chains.keys();
    t.true(
      validateRuleSet(ruleSet).some(({ path }) => path === `${table}.${chain}.rules.0.${field}`),
      JSON.stringify(validateRuleSet(ruleSet)),
    );
  });
}

test('names the faults of chains', (t) => {
  const paths = (ruleSet: RuleSet): string[] => validateRuleSet(ruleSet).map(({ path }) => path);
  const empty: Chain = { rules: [] };
  t.deepEqual(paths({ nat: new Map([['PREROUTING', { policy: 'DROP' as const, rules: [] }]]) }), ['nat.PREROUTING']);
  t.deepEqual(paths({ raw: new Map([['a', { policy: 'DROP' as const, rules: [] }]]) }), ['raw.a']);
  for (const name of ['', '-a', 'a b', 'a\n', 'ä', 'a'.repeat(29), 'FORWARD', 'MASQUERADE', 'LOG']) {
    t.deepEqual(paths({ nat: new Map([[name, empty]]) }), [`nat.${name}`], name);
  }
  t.deepEqual(paths({ nat: new Map([['a'.repeat(28), empty]]) }), []);
});

test('names loops, and chains that nest deeper than the kernel allows', (t) => {
  t.deepEqual(validateRuleSet(nested(15)), []);
  t.deepEqual(
    validateRuleSet(nested(16)).map(({ path, message }) => `${path} ${message}`),
    ['filter.INPUT chains nest 16 deep below it: the kernel allows 15'],
  );
  const loop = new Map([
    ['a', { rules: [rule({}, { kind: 'jump', chain: 'b' })] }],
    ['b', { rules: [rule({}, { kind: 'goto', chain: 'a' })] }],
  ]);
  t.deepEqual(
    validateRuleSet({ raw: loop }).map(({ path }) => path),
    ['raw.a', 'raw.b'],
  );
});

test('a target counts with every built-in chain that leads to it', (t) => {
  const jump = { rules: [rule({}, { kind: 'jump', chain: 'a' })] };
  const target = { rules: [rule({}, dnat)] };
  const below = (...hooks: string[]): RuleSet => ({
    nat: new Map([...hooks.map((hook) => [hook, jump] as const), ['a', target]]),
  });
  t.deepEqual(validateRuleSet(below('PREROUTING', 'OUTPUT')), []);
  t.deepEqual(
    validateRuleSet(below('PREROUTING', 'POSTROUTING')).map(({ path }) => path),
    ['nat.a.rules.0.target'],
  );
});

test('names the faults of sets', (t) => {
  const paths = (set: IpSet): string[] => validateIpSet(set).map(({ path }) => path);
  const everything = parseIpv4Cidr('0.0.0.0/0');
  const set = (members: readonly Ipv4Cidr[], type: IpSet['type'] = 'hash:net', name = 's'): IpSet => ({
    name,
    type,
    members,
  });
  t.deepEqual(paths(set([parseIpv4Cidr('10.0.0.0/8')])), []);
  t.deepEqual(paths(set([everything])), ['s.members.0']);
  t.deepEqual(paths(set(setMembers([everything]))), []);
  t.deepEqual(paths(set([parseIpv4Cidr('10.0.0.0/31')], 'hash:ip')), ['s.members.0']);
  t.deepEqual(paths(set(['x' as Ipv4Cidr])), ['s.members.0']);
  t.deepEqual(paths(set([everything, everything].flatMap((cidr) => setMembers([cidr])))), ['s.members']);
  t.deepEqual(paths(set([], 'hash:net', 's~n')), ['s~n']);
});
