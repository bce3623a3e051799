// The second family: every field of the model by its line of ip6tables-restore, both ways, and sets of family inet6.
import { parseInterfaceName, parseIpv4Address, parseIpv6Cidr, portRange } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { canonicalRule, canonicalRuleSet } from './canonical.ts';
import { diffRuleSets, isEmptyTransaction, renderTransaction, transactionOf } from './diff.ts';
import { DispatchTree } from './dispatch.ts';
import { assertGolden } from './golden.ts';
import { ipSetTransaction, ipv6SetMembers, parseIpSetSave, renderIpSet } from './ipset.ts';
import type { Chain, Family, IpSet, Match, RuleSet, Target } from './model.ts';
import { IptablesTextError, parseSave } from './parse.ts';
import { renderRule, renderRuleSet } from './render.ts';
import { anyCidr, anyIpv6RuleSet, ipv6CidrFor } from './testing.ts';
import { validateIpSet, validateRuleSet } from './validate.ts';

const accept: Target<6> = { kind: 'ACCEPT' };
const guests = parseIpv6Cidr('2001:db8:1::/64');

const rows: readonly [line: string, match: Match<6>, target: Target<6>][] = [
  ['-j ACCEPT', {}, accept],
  ['-s 2001:db8:1::/64 -j ACCEPT', { source: guests }, accept],
  ['! -s 2001:db8:1::/64 -j ACCEPT', { source: guests, not: ['source'] }, accept],
  ['-d fe80::1/128 -j ACCEPT', { destination: parseIpv6Cidr('fe80::1/128') }, accept],
  ['-j ACCEPT', { source: parseIpv6Cidr('::/0') }, accept],
  ['-p ipv6-icmp -j ACCEPT', { protocol: 'icmpv6' }, accept],
  ['-p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT', { protocol: 'icmpv6', icmp: { type: 135 } }, accept],
  ['-p ipv6-icmp -m icmp6 --icmpv6-type 1/4 -j ACCEPT', { protocol: 'icmpv6', icmp: { type: 1, code: 4 } }, accept],
  [
    '-p tcp -m tcp --dport 80:90 -g x',
    { protocol: 'tcp', destinationPorts: portRange(80, 90) },
    { kind: 'goto', chain: 'x' },
  ],
  [
    '-i eth0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    { inInterface: parseInterfaceName('eth0'), conntrackStates: ['RELATED', 'ESTABLISHED'] },
    accept,
  ],
  ['-m conntrack --ctorigdst 2001:db8:1::/64 -j ACCEPT', { originalDestination: guests }, accept],
  ['-m set --match-set s1 src -j ACCEPT', { sets: [{ name: 's1', direction: 'src' }] }, accept],
  ['-j REJECT --reject-with icmp6-port-unreachable', {}, { kind: 'REJECT', with: 'icmp6-port-unreachable' }],
  ['-j REJECT --reject-with icmp6-adm-prohibited', {}, { kind: 'REJECT', with: 'icmp6-adm-prohibited' }],
  ['-p tcp -j REJECT --reject-with tcp-reset', { protocol: 'tcp' }, { kind: 'REJECT', with: 'tcp-reset' }],
  ['-j CT --notrack', {}, { kind: 'NOTRACK' }],
];

function filter(...rules: Chain<6>['rules']): RuleSet<6> {
  return {
    filter: new Map<string, Chain<6>>([
      ['FORWARD', { policy: 'DROP', rules }],
      ['x', { rules: [] }],
    ]),
  };
}

for (const [index, [line, match, target]] of rows.entries()) {
  test(`line ${index}: ${line} and back`, (t) => {
    t.is(renderRule('c', { match, target }), `-A c ${line}`);
    const read = parseSave(`*filter\n:c - [0:0]\n-A c ${line}\nCOMMIT\n`, 6).filter?.get('c')?.rules;
    t.deepEqual(read, [canonicalRule<6>({ match, target })]);
  });
}

test('golden: one rule of each kind', (t) => {
  const places = rows.filter(([, , { kind }]) => kind !== 'NOTRACK');
  const ruleSet = filter(...places.map(([, match, target]) => ({ match, target })));
  t.deepEqual(validateRuleSet(ruleSet, 6), []);
  assertGolden(t, 'every-object.ip6tables', renderRuleSet(ruleSet));
});

test('parse gives back what render wrote', (t) => {
  fc.assert(
    fc.property(anyIpv6RuleSet(), (ruleSet) => {
      t.deepEqual(validateRuleSet(ruleSet, 6), []);
      t.deepEqual(parseSave(renderRuleSet(ruleSet), 6), canonicalRuleSet<6>(ruleSet));
    }),
    { numRuns: 200 },
  );
});

test('a rule set equals itself, and a transaction is made of whole chains', (t) => {
  fc.assert(fc.property(anyIpv6RuleSet(), (ruleSet) => isEmptyTransaction(diffRuleSets(ruleSet, ruleSet))));
  const change = transactionOf('filter', new Map([['x', { rules: [{ match: { source: guests }, target: accept }] }]]));
  t.is(renderTransaction(change), '*filter\n:x - [0:0]\n-A x -s 2001:db8:1::/64 -j ACCEPT\nCOMMIT\n');
});

test('what belongs to the other family is named', (t) => {
  const faults = (match: object, target: object, family: Family): string[] => {
    const ruleSet = { filter: new Map([['FORWARD', { rules: [{ match, target }] }]]) } as never;
    const issues = family === 6 ? validateRuleSet(ruleSet, 6) : validateRuleSet(ruleSet);
    return issues.map(({ path, message }) => `${path.replace('filter.FORWARD.rules.0.', '')} ${message}`);
  };
  t.deepEqual(faults({ source: '10.0.0.0/8' }, accept, 6), ['match.source "10.0.0.0/8" is no IPv6 CIDR']);
  t.deepEqual(faults({ source: '2001:DB8::/32' }, accept, 6), ['match.source "2001:DB8::/32" is no IPv6 CIDR']);
  t.deepEqual(faults({ source: '2001:db8::/32' }, accept, 4), ['match.source "2001:db8::/32" is no IPv4 CIDR']);
  t.deepEqual(faults({ protocol: 'icmp' }, accept, 6), ['match.protocol is icmp: expected tcp, udp or icmpv6']);
  t.deepEqual(faults({ protocol: 'icmpv6' }, accept, 4), ['match.protocol is icmpv6: expected tcp, udp or icmp']);
  t.is(faults({}, { kind: 'REJECT', with: 'icmp-port-unreachable' }, 6).length, 1);
  t.is(faults({}, { kind: 'REJECT', with: 'icmp6-adm-prohibited' }, 4).length, 1);
  t.true(
    faults({}, { kind: 'SNAT', address: parseIpv4Address('1.2.3.4') }, 6).includes('target SNAT is for IPv4 alone'),
  );
});

for (const line of [
  '-s 10.0.0.0/8 -j ACCEPT',
  '-p icmp -j ACCEPT',
  '-j MASQUERADE',
  '-j REJECT --reject-with icmp-port-unreachable',
]) {
  test(`refuses ${line} in text of IPv6`, (t) => {
    t.throws(() => parseSave(`*filter\n:c - [0:0]\n-A c ${line}\nCOMMIT\n`, 6), { instanceOf: IptablesTextError });
  });
}

test('a search tree without addresses serves both families', (t) => {
  const tree = new DispatchTree<6>({ chainPrefix: 't6-', match: 'none', leafSize: 1 });
  for (const port of [80, 443, 8080]) {
    tree.put(`p${port}`, { protocol: 'tcp', ports: portRange(port) }, [
      { match: { destination: guests, protocol: 'tcp', destinationPorts: portRange(port) }, target: accept },
    ]);
  }
  const ruleSet: RuleSet<6> = { filter: tree.chains() };
  t.deepEqual(validateRuleSet(ruleSet, 6), []);
  t.is(renderRuleSet(ruleSet).match(/ -d 2001:db8:1::\/64 /g)?.length, 3);
});

function set(name: string, ...members: string[]): IpSet<6> {
  return { name, type: 'hash:net', family: 6, members: ipv6SetMembers(members.map(parseIpv6Cidr)) };
}

test('golden: sets of family inet6', (t) => {
  const sets = [
    set('all', '::/0', '2001:db8::/32'),
    set('none'),
    { ...set('one', 'fe80::1/128'), type: 'hash:ip' as const },
  ];
  t.deepEqual(sets.flatMap(validateIpSet), []);
  t.deepEqual(sets[0]?.members as readonly string[], ['::/1', '2001:db8::/32', '8000::/1']);
  assertGolden(t, 'ipv6-sets.ipset', sets.map(renderIpSet).join(''));
});

test('sets are read by family, and none changes its family under one name', (t) => {
  const cidrs = fc.uniqueArray(anyCidr.map(ipv6CidrFor), { maxLength: 6 });
  fc.assert(
    fc.property(cidrs, (members) => {
      const both = [set('a', ...members), { name: 'b', type: 'hash:net', members: [] } as const];
      const text = both.map(renderIpSet).join('');
      t.deepEqual(parseIpSetSave(text, 6), [both[0]] as never);
      t.deepEqual(parseIpSetSave(text), [both[1]] as never);
    }),
  );
  t.throws(() => ipSetTransaction([set('a')], [{ name: 'a', type: 'hash:net', members: [] }]), { message: /family/ });
  t.deepEqual(validateIpSet({ ...set('a'), members: ['10.0.0.0/8'] as never }), [
    { path: 'a.members.0', message: '"10.0.0.0/8" is no IPv6 CIDR' },
  ]);
});
