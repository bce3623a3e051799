// Every field and target of the model by its line of iptables-restore, both ways.
import { parseInterfaceName, parseIpv4Address, parseIpv4Cidr, portRange } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { canonicalRule, canonicalRuleSet } from './canonical.ts';
import { DispatchTree } from './dispatch.ts';
import { assertGolden } from './golden.ts';
import { type Chain, type Match, type Rule, type RuleSet, type Target, tableNames } from './model.ts';
import { parseSave } from './parse.ts';
import { renderRule, renderRuleSet, writeLine } from './render.ts';
import { anyRuleSet } from './testing.ts';
import { validateRuleSet } from './validate.ts';

const accept: Target = { kind: 'ACCEPT' };
const guests = parseIpv4Cidr('10.1.1.0/24');
const guest = parseIpv4Address('10.1.1.2');
const eth0 = parseInterfaceName('eth0');
const web: Match = { protocol: 'tcp', destinationPorts: portRange(80) };
const range: Match = { protocol: 'udp', destinationPorts: portRange(80, 90) };

const rows: readonly [line: string, match: Match, target: Target][] = [
  ['-j ACCEPT', {}, accept],
  ['-j DROP', {}, { kind: 'DROP' }],
  ['-j RETURN', {}, { kind: 'RETURN' }],
  ['-j MASQUERADE', {}, { kind: 'MASQUERADE' }],
  ['-j CT --notrack', {}, { kind: 'NOTRACK' }],
  ['-j web.1', {}, { kind: 'jump', chain: 'web.1' }],
  ['-g web.1', {}, { kind: 'goto', chain: 'web.1' }],
  ['-j REJECT --reject-with icmp-port-unreachable', {}, { kind: 'REJECT', with: 'icmp-port-unreachable' }],
  ['-j REJECT --reject-with icmp-admin-prohibited', {}, { kind: 'REJECT', with: 'icmp-admin-prohibited' }],
  ['-p tcp -j REJECT --reject-with tcp-reset', { protocol: 'tcp' }, { kind: 'REJECT', with: 'tcp-reset' }],
  ['-j SNAT --to-source 10.1.1.2', {}, { kind: 'SNAT', address: guest }],
  ['-j DNAT --to-destination 10.1.1.2', {}, { kind: 'DNAT', address: guest }],
  [
    '-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.1.2:8080',
    web,
    { kind: 'DNAT', address: guest, ports: portRange(8080) },
  ],
  [
    '-p udp -m udp --dport 80:90 -j DNAT --to-destination 10.1.1.2:8000-8010/80',
    range,
    { kind: 'DNAT', address: guest, ports: portRange(8000, 8010) },
  ],
  ['-s 10.1.1.0/24 -j ACCEPT', { source: guests }, accept],
  ['! -s 10.1.1.0/24 -j ACCEPT', { source: guests, not: ['source'] }, accept],
  ['-d 10.1.1.0/24 -j ACCEPT', { destination: guests }, accept],
  ['! -d 10.1.1.0/24 -j ACCEPT', { destination: guests, not: ['destination'] }, accept],
  ['-j ACCEPT', { source: parseIpv4Cidr('0.0.0.0/0'), destination: parseIpv4Cidr('0.0.0.0/0') }, accept],
  ['-i eth0 -j ACCEPT', { inInterface: eth0 }, accept],
  ['! -i eth0 -j ACCEPT', { inInterface: eth0, not: ['inInterface'] }, accept],
  ['-o eth0 -j ACCEPT', { outInterface: eth0 }, accept],
  ['! -o eth0 -j ACCEPT', { outInterface: eth0, not: ['outInterface'] }, accept],
  ['-p udp -j ACCEPT', { protocol: 'udp' }, accept],
  ['-p tcp -m tcp --sport 1:1024 --dport 80 -j ACCEPT', { ...web, sourcePorts: portRange(1, 1024) }, accept],
  ['-p icmp -m icmp --icmp-type 8 -j ACCEPT', { protocol: 'icmp', icmp: { type: 8 } }, accept],
  ['-p icmp -m icmp --icmp-type 3/1 -j ACCEPT', { protocol: 'icmp', icmp: { type: 3, code: 1 } }, accept],
  ['-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', { conntrackStates: ['ESTABLISHED', 'RELATED'] }, accept],
  ['-m conntrack --ctorigdst 10.1.1.0/24 -j ACCEPT', { originalDestination: guests }, accept],
  [
    '-m conntrack --ctstate DNAT --ctorigdst 10.1.1.0/24 -j ACCEPT',
    { conntrackStates: ['DNAT'], originalDestination: guests },
    accept,
  ],
  [
    '-m set --match-set a src -m set ! --match-set b dst -j ACCEPT',
    {
      sets: [
        { name: 'a', direction: 'src' },
        { name: 'b', direction: 'dst', negated: true },
      ],
    },
    accept,
  ],
  [
    '-m cluster --cluster-local-node 3 --cluster-total-nodes 5 --cluster-hash-seed 0x00000007 -j ACCEPT',
    { cluster: { total: 5, share: 3, seed: 7 } },
    accept,
  ],
  ['-m statistic --mode nth --every 3 --packet 0 -j ACCEPT', { everyNth: 3 }, accept],
];

for (const [index, [line, match, target]] of rows.entries()) {
  test(`rule ${index}: ${line}`, (t) => {
    const rule: Rule = { match, target };
    t.is(renderRule('INPUT', rule), `-A INPUT ${line}`);
    const text = `*filter\n:INPUT ACCEPT [0:0]\n-A INPUT ${line}\nCOMMIT\n`;
    t.deepEqual(parseSave(text).filter?.get('INPUT')?.rules, [canonicalRule(rule)]);
  });
}

test('every field of a match and every kind of target has a row', (t) => {
  // The types make these lists complete: a new field or kind does not compile without its name here.
  const fields: Readonly<Record<keyof Match, true>> = {
    inInterface: true,
    outInterface: true,
    source: true,
    destination: true,
    protocol: true,
    sourcePorts: true,
    destinationPorts: true,
    icmp: true,
    conntrackStates: true,
    originalDestination: true,
    sets: true,
    cluster: true,
    everyNth: true,
    not: true,
  };
  const kinds: Readonly<Record<Target['kind'], true>> = {
    ACCEPT: true,
    DROP: true,
    RETURN: true,
    MASQUERADE: true,
    NOTRACK: true,
    REJECT: true,
    jump: true,
    goto: true,
    DNAT: true,
    SNAT: true,
  };
  const tested = new Set(rows.flatMap(([, match, target]) => [...Object.keys(match), target.kind]));
  for (const name of [...Object.keys(fields), ...Object.keys(kinds)]) t.true(tested.has(name), name);
});

test('parse gives back what render wrote', (t) => {
  fc.assert(
    fc.property(anyRuleSet(), (ruleSet) => {
      const text = renderRuleSet(ruleSet);
      const parsed = parseSave(text);
      t.deepEqual(canonicalRuleSet(parsed), canonicalRuleSet(ruleSet));
      t.deepEqual(parsed, parseSave(renderRuleSet(parsed)));
      t.is(renderRuleSet(parsed), text);
    }),
    { numRuns: 300 },
  );
});

/** All rows that stand by themselves, in chains where they may stand. */
function everyObject(): RuleSet {
  const place = (kinds: readonly Target['kind'][]): Rule[] =>
    rows.filter(([, , { kind }]) => kinds.includes(kind)).map(([, match, target]) => ({ match, target }));
  const filter = new Map<string, Chain>([
    ['FORWARD', { policy: 'DROP', rules: place(['ACCEPT', 'DROP', 'REJECT', 'jump', 'RETURN']) }],
    ['OUTPUT', { policy: 'ACCEPT', rules: [] }],
    ['INPUT', { policy: 'DROP', rules: [] }],
    ['web.1', { rules: [{ match: web, target: { kind: 'goto', chain: 'A-chain' } }] }],
    ['A-chain', { rules: [{ match: {}, target: accept }] }],
  ]);
  const nat = new Map<string, Chain>([
    ['POSTROUTING', { policy: 'ACCEPT', rules: place(['SNAT', 'MASQUERADE']) }],
    ['PREROUTING', { policy: 'ACCEPT', rules: place(['DNAT']) }],
  ]);
  return {
    filter,
    nat,
    raw: new Map([['PREROUTING', { policy: 'DROP', rules: place(['NOTRACK']) }]]),
    mangle: new Map(),
  };
}

test('golden: every object, tables and chains in canonical order', (t) => {
  const ruleSet = everyObject();
  t.deepEqual(validateRuleSet(ruleSet), []);
  assertGolden(t, 'every-object.iptables', renderRuleSet(ruleSet));
});

test('golden: port forwards of two addresses in a dispatch tree', (t) => {
  const tree = new DispatchTree({ chainPrefix: 'it0-d-', match: 'destination', leafSize: 2 });
  for (const [id, text, first, last] of [
    ['a', '203.0.113.10', 80, 80],
    ['b', '203.0.113.10', 443, 443],
    ['c', '203.0.113.10', 8000, 9000],
    ['d', '203.0.113.200', 22, 22],
  ] as const) {
    const address = parseIpv4Address(text);
    const ports = portRange(first, last);
    const match: Match = { destination: parseIpv4Cidr(`${text}/32`), protocol: 'tcp', destinationPorts: ports };
    tree.put(id, { address, protocol: 'tcp', ports }, [{ match, target: { kind: 'DNAT', address: guest } }]);
  }
  const jump: Rule = { match: {}, target: { kind: 'jump', chain: tree.root } };
  const ruleSet: RuleSet = { nat: new Map([['PREROUTING', { policy: 'ACCEPT', rules: [jump] }], ...tree.chains()]) };
  t.deepEqual(validateRuleSet(ruleSet), []);
  assertGolden(t, 'dispatch.iptables', renderRuleSet(ruleSet));
});

test('a rule set without tables is empty text', (t) => {
  t.is(renderRuleSet({}), '');
  t.deepEqual(parseSave(''), {});
});

test('no value can add a word or a line', (t) => {
  const hostile = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !/^[\w.,:/~!*[\]-]+$/.test(text));
  fc.assert(
    fc.property(hostile, (text) => {
      t.throws(() => writeLine(['-A', text]), { instanceOf: RangeError });
      const values = { source: text, inInterface: text, sets: [{ name: text, direction: 'src' }] };
      for (const [field, value] of Object.entries(values)) {
        const rule = { match: { [field]: value }, target: accept } as Rule;
        t.throws(() => renderRule('INPUT', rule), { instanceOf: RangeError });
        t.not(validateRuleSet({ filter: new Map([['INPUT', { rules: [rule] }]]) }).length, 0);
      }
    }),
  );
});

test('what would widen a rule in silence is not written', (t) => {
  for (const [match, target] of [
    [{ destinationPorts: portRange(80) }, accept],
    [{ protocol: 'udp', icmp: { type: 8 } }, accept],
    [{ protocol: 'tcp' }, { kind: 'DNAT', address: guest, ports: portRange(1, 2) }],
  ] as [Match, Target][]) {
    t.throws(() => renderRule('INPUT', { match, target }), { instanceOf: RangeError });
  }
});

test('a canonical rule set has every built-in chain of its tables, and is its own canonical form', (t) => {
  const canonical = canonicalRuleSet({ filter: new Map(), nat: new Map() });
  t.deepEqual(
    tableNames.map((table) => [...(canonical[table]?.keys() ?? [])]),
    [[], [], ['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'], ['INPUT', 'FORWARD', 'OUTPUT']],
  );
  t.deepEqual(canonicalRuleSet(canonical), canonical);
});
