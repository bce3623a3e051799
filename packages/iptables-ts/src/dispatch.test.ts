import { type Ipv4Address, ipv4Add, ipv4FromNumber, ipv4Network, parseIpv4Address, portRange } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { type DispatchKey, DispatchTree, maxDispatchDepth } from './dispatch.ts';
import type { Chain, Rule } from './model.ts';
import { maxChainNameLength } from './names.ts';
import { type Packet, tracePacket } from './trace.ts';
import { validateRuleSet } from './validate.ts';

const options = { chainPrefix: 'it0-d-', match: 'destination' } as const;
const base = parseIpv4Address('203.0.0.0');

/** A rule that lets exactly the key's packets through; DNAT-like in its match, ACCEPT in its effect. */
function exactRule({ address, protocol, ports }: DispatchKey, match: 'destination' | 'source' = 'destination'): Rule {
  return {
    match: {
      ...(address === undefined ? {} : { [match]: ipv4Network(address, 32) }),
      ...(protocol === 'all' ? {} : { protocol }),
      ...(ports === undefined ? {} : { destinationPorts: ports }),
    },
    target: { kind: 'ACCEPT' },
  };
}

function treeOf(entries: Iterable<readonly [string, DispatchKey]>, leafSize?: number): DispatchTree {
  const tree = new DispatchTree(leafSize === undefined ? options : { ...options, leafSize });
  for (const [id, key] of entries) tree.put(id, key, [exactRule(key)]);
  return tree;
}

function ruleSetOf(tree: DispatchTree) {
  const jump: Rule = { match: {}, target: { kind: 'jump', chain: tree.root } };
  const forward: Chain = { policy: 'DROP', rules: [jump] };
  return { filter: new Map([...tree.chains(), ['FORWARD', forward] as const]) };
}

function trace(tree: DispatchTree, packet: Pick<Packet, 'destination' | 'protocol' | 'destinationPort'>) {
  return tracePacket({
    ruleSet: ruleSetOf(tree),
    packet: { inInterface: 'eth2' as never, source: parseIpv4Address('198.51.100.1'), sourcePort: 5000, ...packet },
    route: () => ({ outInterface: 'eth0' as never }),
  });
}

function plain(chains: ReadonlyMap<string, Chain | null>): [string, Chain | null][] {
  return [...chains].sort(([a], [b]) => (a < b ? -1 : 1));
}

// Few addresses and ports near borders, so that random entries meet, share nodes and split them.
const address: fc.Arbitrary<Ipv4Address> = fc.oneof(
  fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.16.1', '10.1.0.1', '11.0.0.1', '203.0.113.7').map(parseIpv4Address),
  fc.nat({ max: 300 }).map((n) => ipv4Add(base, n)),
);
const border = fc.constantFrom(1, 2, 15, 16, 17, 255, 256, 4095, 4096, 4097, 32767, 32768, 65520, 65534, 65535);
const ports = fc.oneof(
  fc.tuple(border, border).map(([a, b]) => portRange(Math.min(a, b), Math.max(a, b))),
  fc.integer({ min: 1, max: 65535 }).map((port) => portRange(port)),
);
const key: fc.Arbitrary<DispatchKey> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ address, protocol: fc.constantFrom('tcp', 'udp'), ports }) },
  { weight: 1, arbitrary: fc.record({ address, protocol: fc.constantFrom('tcp', 'udp', 'icmp', 'all') }) },
);
const id = fc.nat({ max: 60 }).map(String);
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ verb: fc.constant('put' as const), id, key }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('remove' as const), id }) },
  { weight: 1, arbitrary: fc.record({ verb: fc.constant('take' as const) }) },
);

test('the chains follow from the entries alone, and the changes add up to them', (t) => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 150 }), fc.integer({ min: 1, max: 4 }), (operations, leafSize) => {
      const tree = treeOf([], leafSize);
      const entries = new Map<string, DispatchKey>();
      const applied = new Map<string, Chain>();
      const take = (): void => {
        for (const [name, chain] of tree.takeChanges()) {
          if (chain === null) t.true(applied.delete(name));
          else applied.set(name, chain);
        }
      };
      for (const step of operations) {
        if (step.verb === 'put') tree.put(step.id, step.key, [exactRule(step.key)]);
        if (step.verb === 'put') entries.set(step.id, step.key);
        if (step.verb === 'remove') tree.remove(step.id);
        if (step.verb === 'remove') entries.delete(step.id);
        if (step.verb === 'take') take();
      }
      take();
      t.deepEqual(plain(applied), plain(tree.chains()));
      t.deepEqual(plain(tree.chains()), plain(treeOf([...entries].reverse(), leafSize).chains()));
    }),
    { numRuns: 150 },
  );
});

test('a packet is let through where one of the entries lets it through', (t) => {
  const someProtocol = fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const);
  const packet = fc.record({ destination: address, protocol: someProtocol, destinationPort: fc.oneof(border, border) });
  fc.assert(
    fc.property(fc.array(key, { maxLength: 60 }), fc.array(packet, { minLength: 5 }), (keys, packets) => {
      const tree = treeOf(
        keys.map((k, index) => [String(index), k] as const),
        2,
      );
      t.deepEqual(validateRuleSet(ruleSetOf(tree)), []);
      for (const { destination, protocol, destinationPort } of packets) {
        const isCovered = keys.some(
          (k) =>
            k.address === destination &&
            (k.protocol === 'all' || k.protocol === protocol) &&
            (k.ports === undefined || (destinationPort >= k.ports.first && destinationPort <= k.ports.last)),
        );
        const ported = protocol === 'icmp' ? {} : { destinationPort };
        t.is(trace(tree, { destination, protocol, ...ported }).verdict, isCovered ? 'ACCEPT' : 'DROP');
      }
    }),
    { numRuns: 150 },
  );
});

function depthBelow(chains: ReadonlyMap<string, Chain>, name: string): number {
  const below = (chains.get(name)?.rules ?? []).flatMap(({ target }) =>
    target.kind === 'goto' || target.kind === 'jump' ? [depthBelow(chains, target.chain)] : [],
  );
  return 1 + Math.max(0, ...below);
}

test('no content nests chains deeper than the limit or makes a name too long', (t) => {
  // One more address branches off at every level of the address, one more port at every level of the port.
  const deep = 0x0a000001;
  const branches = [0x0b000000, 0x0a010000, 0x0a001000, 0x0a000100, 0x0a000010, 0x0a000002].map(ipv4FromNumber);
  const entries = branches.map((a, n): [string, DispatchKey] => [`a${n}`, { address: a, protocol: 'all' }]);
  for (const [n, port] of [0xf000, 0x1f00, 0x11f0, 0x111f, 0x1111, 0x1111].entries()) {
    entries.push([`p${n}`, { address: ipv4FromNumber(deep), protocol: 'tcp', ports: portRange(port) }]);
    entries.push([`u${n}`, { address: ipv4FromNumber(deep), protocol: 'udp', ports: portRange(port) }]);
  }
  const tree = treeOf(entries, 1);
  t.is(depthBelow(tree.chains(), tree.root), maxDispatchDepth);
  for (const name of tree.chains().keys()) t.true(name.length <= maxChainNameLength, name);
  t.deepEqual(validateRuleSet(ruleSetOf(tree)), []);
});

function spread(count: number): [string, DispatchKey][] {
  return Array.from({ length: count }, (_, n) => {
    const where = ipv4Add(base, (n * 40_503) % 65_536);
    return [`e${n}`, { address: where, protocol: 'tcp', ports: portRange(1 + (n % 65535)) }];
  });
}

function manyPorts(count: number): [string, DispatchKey][] {
  return Array.from({ length: count }, (_, n) => [
    `e${n}`,
    { address: base, protocol: 'tcp', ports: portRange(1 + ((n * 40_503) % 65_536 || 65_534)) },
  ]);
}

for (const [what, entriesOf] of [
  ['addresses', spread],
  ['ports of one address', manyPorts],
] as const) {
  test(`10,000 ${what}: a lookup looks at few rules, and at few more than among 100`, (t) => {
    const most = (count: number): number => {
      const entries = entriesOf(count);
      const tree = treeOf(entries);
      const sample = entries.filter((_, n) => n % Math.ceil(count / 100) === 0);
      const looked = sample.map(([, { address: destination = base, ports: range }]) => {
        const result = trace(tree, { destination, protocol: 'tcp', destinationPort: range?.first ?? 1 });
        t.is(result.verdict, 'ACCEPT');
        return result.steps.length;
      });
      return Math.max(...looked);
    };
    const [few, many] = [most(100), most(10_000)];
    t.log(`at most ${few} rules among 100, ${many} among 10,000`);
    t.true(many <= 90);
    t.true(many <= few * 3);
  });

  test(`10,000 ${what}: one more and one fewer change few chains, within a millisecond`, (t) => {
    const tree = treeOf(entriesOf(10_000));
    tree.takeChanges();
    const times: number[] = [];
    let changed = 0;
    const timed = (change: () => void): void => {
      const started = performance.now();
      change();
      changed += tree.takeChanges().size;
      times.push(performance.now() - started);
    };
    for (let n = 0; n < 300; n += 1) {
      const more: DispatchKey = { address: ipv4Add(base, n * 97), protocol: 'tcp', ports: portRange(1 + n * 191) };
      timed(() => tree.put('more', more, [exactRule(more)]));
      timed(() => tree.remove('more'));
    }
    const median = times.sort((a, b) => a - b)[times.length / 2] ?? Number.NaN;
    t.log(`${median.toFixed(3)} ms and ${(changed / times.length).toFixed(2)} chains a change`);
    t.true(median < 1);
    t.true(changed / times.length < 4);
  });
}

test('10,000 entries with one key: a change writes a small part of them anew', (t) => {
  const same: DispatchKey = { address: base, protocol: 'tcp', ports: portRange(443) };
  const tree = treeOf(Array.from({ length: 10_000 }, (_, n) => [`e${n}`, same]));
  tree.takeChanges();
  const times: number[] = [];
  for (let n = 0; n < 200; n += 1) {
    const started = performance.now();
    tree.put('more', same, [exactRule(same)]);
    const changes = [...tree.takeChanges().values()];
    times.push(performance.now() - started);
    t.is(changes.length, n === 0 ? 1 : 0);
    if (n === 0) t.true((changes[0]?.rules.length ?? 0) < 120);
  }
  const median = times.sort((a, b) => a - b)[100] ?? Number.NaN;
  t.log(`${median.toFixed(3)} ms a change`);
  t.true(median < 1);
  t.deepEqual(validateRuleSet(ruleSetOf(tree)), []);
});

test('a tree of no address sorts by protocol and port', (t) => {
  const tree = new DispatchTree({ chainPrefix: 'e-', match: 'none', leafSize: 1 });
  for (const [n, protocol] of (['tcp', 'udp', 'icmp', 'all', 'tcp'] as const).entries()) {
    const k: DispatchKey = { protocol, ...(n < 2 ? { ports: portRange(80) } : {}) };
    tree.put(String(n), k, [exactRule(k)]);
  }
  const rules = [...tree.chains().values()].flatMap((chain) => chain.rules);
  t.false(rules.some(({ match }) => match.destination !== undefined || match.source !== undefined));
  t.is(trace(tree, { destination: base, protocol: 'udp', destinationPort: 80 }).verdict, 'ACCEPT');
  t.throws(() => tree.put('x', { address: base, protocol: 'all' }, []), { instanceOf: RangeError });
});

test('wide ranges and many entries with one key stand in at most two chains each', (t) => {
  const wide: DispatchKey = { address: base, protocol: 'tcp', ports: portRange(1, 65535) };
  const straddling: DispatchKey = { address: base, protocol: 'udp', ports: portRange(4095, 4096) };
  const tree = treeOf([
    ...manyPorts(1000),
    ...Array.from({ length: 100 }, (_, n) => [`w${n}`, wide] as const),
    ...Array.from({ length: 100 }, (_, n) => [`s${n}`, straddling] as const),
  ]);
  const count = (range: DispatchKey['ports']): number =>
    [...tree.chains().values()]
      .flatMap(({ rules }) => rules)
      .filter(({ match, target }) => target.kind === 'ACCEPT' && match.destinationPorts === range).length;
  t.is(count(wide.ports), 100);
  t.is(count(straddling.ports), 200);
  t.is(trace(tree, { destination: base, protocol: 'udp', destinationPort: 4096 }).verdict, 'ACCEPT');
  t.is(trace(tree, { destination: base, protocol: 'udp', destinationPort: 4097 }).verdict, 'DROP');
});

test('an empty tree has an empty root; what is put and removed leaves no trace', (t) => {
  const tree = treeOf([]);
  t.deepEqual([...tree.takeChanges()], [['it0-d-root', { rules: [] }]]);
  tree.put('a', { address: base, protocol: 'all' }, []);
  tree.remove('a');
  tree.remove('b');
  t.is(tree.takeChanges().size, 0);
});

test('a tree by source address matches with -s', (t) => {
  const tree = new DispatchTree({ chainPrefix: 'e-', match: 'source', leafSize: 1 });
  for (const n of [1, 2]) {
    const k: DispatchKey = { address: ipv4Add(base, n), protocol: 'all' };
    tree.put(String(n), k, [exactRule(k, 'source')]);
  }
  const [edge] = tree.chains().get(tree.root)?.rules ?? [];
  t.deepEqual(edge?.match, { source: ipv4Network(base, 28) });
});

test('arguments that cannot be are refused', (t) => {
  const refused = { instanceOf: RangeError };
  t.throws(() => new DispatchTree({ chainPrefix: 'much-too-long', match: 'source' }), refused);
  t.throws(() => new DispatchTree({ chainPrefix: '-', match: 'source' }), refused);
  t.throws(() => new DispatchTree({ ...options, leafSize: 0 }), refused);
  const tree = treeOf([]);
  t.throws(() => tree.put('a', { address: base, protocol: 'icmp', ports: portRange(1) }, []), refused);
  t.throws(() => tree.put('a', { protocol: 'icmp' }, []), refused);
});
