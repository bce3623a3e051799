// Random rule sets and packets: the kernel and tracePacket agree on every rule that a packet meets, on whether it gets
// through, and on what NAT makes of it. Three packets of each connection: the first, its answer, and one more.
import {
  type Chain,
  canonicalRuleSet,
  type IpSet,
  type Packet,
  type Rule,
  type RuleSet,
  type Target,
  type TraceResult,
  tracePacket,
} from '@isthmus/iptables-ts';
import { anyChoices, anyRuleSet } from '@isthmus/iptables-ts/testing';
import {
  type Ipv4Address,
  ipv4ToNumber,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  portRange,
} from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { type Counters, PacketLab, routerAddresses } from './packet-lab.ts';

const eth0 = parseInterfaceName('eth0');
const eth2 = parseInterfaceName('eth2');
const addressTexts = [...routerAddresses, '10.9.0.2', '10.9.0.77', '192.0.2.2', '192.0.2.99', '198.51.100.9'];
const cidrTexts = [
  ...addressTexts.map((address) => `${address}/32`),
  ...['10.9.0.0/24', '10.0.0.0/8', '192.0.2.0/24', '192.0.2.0/28', '198.51.100.0/24', '0.0.0.0/0'],
];
const sets: readonly IpSet[] = [
  { name: 's1', type: 'hash:net', members: ['10.9.0.0/24', '192.0.2.0/30'].map(parseIpv4Cidr) },
  { name: 's-2', type: 'hash:ip', members: ['192.0.2.10/32', '198.51.100.9/32'].map(parseIpv4Cidr) },
];

const ruleSets = anyRuleSet({
  ...anyChoices,
  hasCounts: false,
  cidrs: fc.constantFrom(...cidrTexts).map(parseIpv4Cidr),
  addresses: fc.constantFrom('10.9.0.2', '10.9.0.77', '192.0.2.2', '192.0.2.10', '198.51.100.9').map(parseIpv4Address),
  interfaces: ['eth0', 'eth2'],
  ports: fc.constantFrom(portRange(80), portRange(81), portRange(80, 89), portRange(1, 65535), portRange(1000, 60000)),
});

const address = fc.constantFrom(...addressTexts).map(parseIpv4Address);
const port = fc.constantFrom(80, 81, 84, 443);
const elsewhere = { eth0: ['10.9.0.2', '10.9.0.77'], eth2: ['192.0.2.2', '192.0.2.99', '198.51.100.9'] };
const packets: fc.Arbitrary<Packet> = fc.constantFrom(eth0, eth2).chain((inInterface) =>
  fc
    .record({
      inInterface: fc.constant(inInterface),
      source: fc.constantFrom(...elsewhere[inInterface === eth0 ? 'eth0' : 'eth2']).map(parseIpv4Address),
      destination: address,
      protocol: fc.constantFrom('tcp', 'udp', 'icmp'),
      destinationPort: port,
    })
    .map(
      ({ destinationPort, ...packet }) =>
        (packet.protocol === 'icmp' ? packet : { ...packet, destinationPort }) as Packet,
    ),
);

function route(destination: Ipv4Address): 'local' | 'unreachable' | { outInterface: typeof eth0 } {
  if (routerAddresses.includes(destination)) return 'local';
  const network = ipv4ToNumber(destination) >>> 8;
  if (network === ipv4ToNumber(parseIpv4Address('10.9.0.0')) >>> 8) return { outInterface: eth0 };
  if (network === ipv4ToNumber(parseIpv4Address('192.0.2.0')) >>> 8) return { outInterface: eth2 };
  return 'unreachable';
}

/** An early DROP for every packet, as random rule sets mostly have one, would leave nothing to see behind it. */
function gentle(table: string, { policy, rules }: Chain): Chain {
  const reject: Target = { kind: 'REJECT', with: 'icmp-port-unreachable' };
  const isEarly = table === 'raw' || table === 'mangle';
  const kept = rules
    .filter(({ match, target }) => !isEarly || target.kind !== 'DROP' || match.protocol !== undefined)
    .map((rule) => (table === 'filter' && rule.target.kind === 'DROP' ? { ...rule, target: reject } : rule));
  if (policy === undefined) return { rules: kept };
  if (isEarly) return { policy: 'ACCEPT', rules: kept };
  const refused: Rule = { match: { protocol: 'tcp' }, target: reject };
  return { policy, rules: policy === 'DROP' && table === 'filter' ? [...kept, refused] : kept };
}

/** Without rules for what the router itself says, so that its refusals and answers count nowhere. */
function withoutOwnTraffic(ruleSet: RuleSet): RuleSet {
  const empty: Chain = { policy: 'ACCEPT', rules: [] };
  const tables = Object.entries(canonicalRuleSet(ruleSet)).map(([table, chains]) => {
    const isOwn = (name: string) => name === 'OUTPUT' || (table === 'mangle' && name === 'POSTROUTING');
    const kept = [...chains].map(([name, chain]): [string, Chain] => [
      name,
      isOwn(name) ? empty : gentle(table, chain),
    ]);
    return [table, new Map(kept)];
  });
  return Object.fromEntries(tables);
}

function traced(ruleSet: RuleSet, packet: Packet): TraceResult {
  const masqueradeAddress = (name: string) => parseIpv4Address(name === 'eth0' ? '10.9.0.1' : '192.0.2.1');
  return tracePacket({ ruleSet, sets, packet, route, masqueradeAddress });
}

function expectedCounters({ steps, verdict }: TraceResult, counted: Counters): [Counters, Counters] {
  const expected = new Map<string, number>();
  for (const { table, chain, index, matched } of steps) {
    const key = `${table} ${chain} ${index}`;
    if (matched) expected.set(key, (expected.get(key) ?? 0) + 1);
  }
  // What the router sends for a REJECT passes the nat table as part of a connection that has no translation yet.
  const isTold = ([key]: [string, number]) => verdict !== 'REJECT' || !key.startsWith('nat ');
  return [new Map([...expected].filter(isTold).sort()), new Map([...counted].filter(isTold).sort())];
}

function nat(address: Ipv4Address, { protocol }: Packet, port: number | undefined) {
  return protocol === 'icmp' || port === undefined ? { address } : { address, port };
}

/** The answer to a packet that got through, as it comes to the router. */
function answerTo(first: Packet, { packet }: TraceResult): Packet {
  const isIcmp = first.protocol === 'icmp';
  const [sourcePort, destinationPort] = [packet.destinationPort, packet.sourcePort];
  return {
    ...(packet.outInterface === undefined ? {} : { inInterface: packet.outInterface }),
    source: packet.destination,
    destination: packet.source,
    protocol: first.protocol,
    ...(sourcePort === undefined ? {} : { sourcePort }),
    ...(destinationPort === undefined || isIcmp ? {} : { destinationPort }),
    // The sender takes an ICMP packet's id from its source port.
    ...(destinationPort === undefined || !isIcmp ? {} : { sourcePort: destinationPort, icmp: { type: 0, code: 0 } }),
    conntrack: {
      state: 'ESTABLISHED',
      originalSource: first.source,
      originalDestination: first.destination,
      destinationNat: nat(first.source, first, first.sourcePort),
      sourceNat: nat(first.destination, first, first.destinationPort),
      translated: packet.conntrack.translated ?? {},
    },
  };
}

/** Each connection belongs to a share by who opened it: its answers too, which come from elsewhere. */
const shares: RuleSet = {
  mangle: new Map([
    [
      'PREROUTING',
      {
        policy: 'ACCEPT',
        rules: [1, 2, 3, 4].map(
          (share): Rule => ({ match: { cluster: { total: 4, share, seed: 7 } }, target: { kind: 'RETURN' } }),
        ),
      },
    ],
  ]),
};
const sharedOut: readonly Packet[] = addressTexts.slice(-3).flatMap((source) =>
  (['tcp', 'udp', 'icmp'] as const).map(
    (protocol): Packet => ({
      inInterface: eth2,
      source: parseIpv4Address(source),
      destination: parseIpv4Address('10.9.0.2'),
      protocol,
      ...(protocol === 'icmp' ? {} : { destinationPort: 80 }),
    }),
  ),
);

/** One more packet of the connection that the first one opened. */
function oneMore(first: Packet, { packet }: TraceResult): Packet {
  const { destination, destinationPort, source, conntrack } = packet;
  return {
    ...first,
    conntrack: {
      state: 'ESTABLISHED',
      destinationNat: nat(destination, first, destinationPort),
      sourceNat: { address: source },
      translated: conntrack.translated ?? {},
    },
  };
}

test('the tracer and the kernel agree on every rule that a packet meets', async (t) => {
  const lab = await PacketLab.create(t);
  await lab.makeSets(sets);
  const verdicts = new Map<string, number>();
  let flow = 0;
  const agree = async (ruleSet: RuleSet, packet: Packet, flags: number): Promise<TraceResult> => {
    const result = traced(ruleSet, packet);
    await lab.send(packet, flags);
    const [expected, counted] = expectedCounters(result, await lab.takeCounters());
    t.deepEqual(counted, expected, JSON.stringify({ packet, result }, null, 1));
    const name = `${packet.conntrack?.state ?? 'NEW'} ${result.verdict}`;
    verdicts.set(name, (verdicts.get(name) ?? 0) + 1);
    return result;
  };
  const connection = async (ruleSet: RuleSet, chosen: Packet): Promise<void> => {
    flow += 1;
    const first = { ...chosen, sourcePort: 20_000 + flow };
    const result = await agree(ruleSet, first, 2);
    // The router answers for itself: its answer meets no rule of this test, and a RST ends the connection at once.
    if (result.verdict === 'ACCEPT' && result.packet.outInterface === undefined) return;
    const seen = await lab.flowOf(first);
    t.is(seen !== null, result.verdict === 'ACCEPT', JSON.stringify({ first, result, seen }, null, 1));
    if (seen === null) return;
    t.is(seen.replySource, result.packet.destination);
    t.is(seen.replyDestination, result.packet.source);
    if (first.protocol !== 'icmp') t.is(seen.replySourcePort, result.packet.destinationPort ?? null);
    await agree(ruleSet, answerTo(first, result), 18);
    await agree(ruleSet, oneMore(first, result), 16);
  };
  const sought = ['NEW ACCEPT', 'NEW DROP', 'NEW REJECT', 'ESTABLISHED ACCEPT'];
  const deadline = performance.now() + 15_000;
  await fc.assert(
    fc.asyncProperty(
      ruleSets.map(withoutOwnTraffic),
      fc.array(packets, { minLength: 5, maxLength: 8 }),
      async (ruleSet, list) => {
        // fast-check's own time limit would leave the run under way behind.
        if (performance.now() > deadline && sought.every((name) => verdicts.has(name))) return;
        await lab.load(ruleSet);
        for (const packet of list) await connection(ruleSet, packet);
      },
    ),
    { numRuns: 60, endOnFailure: true, examples: [[withoutOwnTraffic(shares), [...sharedOut]]] },
  );
  t.log(Object.fromEntries([...verdicts].sort()));
  for (const name of sought) t.true(verdicts.has(name), `no packet was ${name}`);
});
