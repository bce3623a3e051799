// Address plan: guests 10.1.1.0/24 behind eth0, the public side 203.0.113.0/24 on eth2, 198.51.100.0/24 beyond it.
import { parseInterfaceName, parseIpv4Address, parseIpv4Cidr, portRange } from '@isthmus/net';
import test from 'ava';
import type { Chain, ConntrackState, Match, Rule, RuleSet, Target } from './model.ts';
import { type Packet, tracePacket } from './trace.ts';

const eth0 = parseInterfaceName('eth0');
const eth2 = parseInterfaceName('eth2');
const [publicAddress, guest, stranger] = ['203.0.113.10', '10.1.1.2', '198.51.100.7'].map(parseIpv4Address) as [
  ReturnType<typeof parseIpv4Address>,
  ReturnType<typeof parseIpv4Address>,
  ReturnType<typeof parseIpv4Address>,
];
const accept: Target = { kind: 'ACCEPT' };
const drop: Target = { kind: 'DROP' };
const rule = (match: Match, target: Target): Rule => ({ match, target });
const jump = (chain: string): Rule => rule({}, { kind: 'jump', chain });
const goto = (chain: string): Rule => rule({}, { kind: 'goto', chain });

const toGuest: Match = {
  destination: parseIpv4Cidr('203.0.113.10/32'),
  protocol: 'tcp',
  destinationPorts: portRange(80, 89),
};
const router: RuleSet = {
  mangle: new Map<string, Chain>([
    ['PREROUTING', { policy: 'ACCEPT', rules: [rule({ conntrackStates: ['ESTABLISHED'] }, accept), jump('ingress')] }],
    ['ingress', { rules: [rule({ source: parseIpv4Cidr('192.0.2.0/24') }, drop)] }],
  ]),
  nat: new Map<string, Chain>([
    [
      'PREROUTING',
      { policy: 'ACCEPT', rules: [rule(toGuest, { kind: 'DNAT', address: guest, ports: portRange(8000, 8009) })] },
    ],
    [
      'POSTROUTING',
      {
        policy: 'ACCEPT',
        rules: [
          rule({ outInterface: eth2 }, { kind: 'SNAT', address: publicAddress }),
          rule({ outInterface: eth0 }, { kind: 'MASQUERADE' }),
        ],
      },
    ],
  ]),
  filter: new Map<string, Chain>([
    ['INPUT', { policy: 'DROP', rules: [rule({ protocol: 'icmp', icmp: { type: 8 } }, accept)] }],
    [
      'FORWARD',
      {
        policy: 'DROP',
        rules: [
          rule({ conntrackStates: ['ESTABLISHED', 'RELATED'] }, accept),
          rule({ conntrackStates: ['DNAT'], originalDestination: parseIpv4Cidr('203.0.113.10/32') }, accept),
          rule(
            { inInterface: eth0, sets: [{ name: 'denied', direction: 'dst' }] },
            { kind: 'REJECT', with: 'icmp-port-unreachable' },
          ),
          rule({ inInterface: eth0 }, accept),
        ],
      },
    ],
    ['OUTPUT', { policy: 'ACCEPT', rules: [rule({ protocol: 'udp' }, drop)] }],
  ]),
};

function run(packet: Partial<Packet>, ruleSet: RuleSet = router) {
  return tracePacket({
    ruleSet,
    sets: [{ name: 'denied', type: 'hash:net', members: [parseIpv4Cidr('198.51.100.0/30')] }],
    packet: {
      inInterface: eth2,
      source: stranger,
      destination: publicAddress,
      protocol: 'tcp',
      sourcePort: 5000,
      destinationPort: 85,
      ...packet,
    },
    route: (destination) => {
      if (destination === publicAddress) return 'local';
      if (destination.startsWith('172.')) return 'unreachable';
      return { outInterface: destination.startsWith('10.') ? eth0 : eth2 };
    },
    masqueradeAddress: () => parseIpv4Address('10.1.1.1'),
  });
}

test('a forwarded port keeps its offset and is let in as what it was before DNAT', (t) => {
  const { verdict, packet, decidedBy } = run({});
  t.is(verdict, 'ACCEPT');
  t.like(packet, { destination: guest, destinationPort: 8005, source: '10.1.1.1', outInterface: eth0 });
  t.like(decidedBy, { table: 'filter', chain: 'FORWARD', index: 1 });
});

test('a port that is not forwarded meets the policy of INPUT', (t) => {
  t.like(run({ destinationPort: 90 }), {
    verdict: 'DROP',
    decidedBy: { table: 'filter', chain: 'INPUT', policy: 'DROP' },
  });
  t.like(run({ protocol: 'icmp' }), { verdict: 'ACCEPT', decidedBy: { chain: 'INPUT', index: 0 } });
});

test('what mangle drops meets no later table', (t) => {
  const { verdict, decidedBy, steps } = run({ source: parseIpv4Address('192.0.2.9') });
  t.is(verdict, 'DROP');
  t.like(decidedBy, { table: 'mangle', chain: 'ingress', index: 0 });
  t.deepEqual(
    steps.map(({ chain, index, matched }) => [chain, index, matched]),
    [
      ['PREROUTING', 0, false],
      ['PREROUTING', 1, true],
      ['ingress', 0, true],
    ],
  );
});

test('a guest goes out by SNAT, but not to a set that is denied', (t) => {
  const out: Partial<Packet> = { inInterface: eth0, source: guest, destination: stranger };
  t.like(run(out), { verdict: 'ACCEPT', packet: { source: publicAddress, sourcePort: 5000, outInterface: eth2 } });
  t.like(run({ ...out, destination: parseIpv4Address('198.51.100.1') }), {
    verdict: 'REJECT',
    decidedBy: { index: 2 },
  });
});

test('of a known connection conntrack says where it goes, and nat is not asked', (t) => {
  const conntrack: Packet['conntrack'] = { state: 'ESTABLISHED', destinationNat: { address: guest, port: 8005 } };
  const { verdict, packet, steps } = run({ conntrack });
  t.is(verdict, 'ACCEPT');
  t.like(packet, { destination: guest, destinationPort: 8005 });
  t.false(steps.some(({ table }) => table === 'nat'));
  const answer = run({
    inInterface: eth0,
    source: guest,
    destination: stranger,
    conntrack: { state: 'ESTABLISHED', sourceNat: { address: publicAddress, port: 85 } },
  });
  t.like(answer, { verdict: 'ACCEPT', packet: { source: publicAddress, sourcePort: 85 } });
  t.like(run({ conntrack: { ...conntrack, state: 'INVALID' } }), {
    verdict: 'DROP',
    packet: { destination: publicAddress },
  });
});

test('without a route the packet is dropped by no rule', (t) => {
  const destination = parseIpv4Address('172.16.0.1');
  t.deepEqual(run({ destination }).decidedBy, { noRoute: true });
  t.deepEqual(run({ destination, protocol: 'udp' }, { filter: new Map() }).decidedBy, { noRoute: true });
});

test('a packet of the router’s own passes OUTPUT and POSTROUTING', (t) => {
  const own = (packet: Partial<Packet>) => {
    const { inInterface: _absent, ...rest } = { inInterface: eth2, source: guest, destination: stranger, ...packet };
    return tracePacket({
      ruleSet: router,
      packet: { protocol: 'tcp', sourcePort: 1, destinationPort: 2, ...rest },
      route: (to) => (to === guest ? 'local' : to === stranger ? { outInterface: eth2 } : 'unreachable'),
    });
  };
  t.like(own({}), {
    verdict: 'ACCEPT',
    packet: { source: publicAddress, outInterface: eth2 },
    decidedBy: { chain: 'OUTPUT' },
  });
  t.like(own({ protocol: 'udp' }), { verdict: 'DROP', decidedBy: { chain: 'OUTPUT', index: 0 } });
  t.like(own({ destination: guest }), { verdict: 'ACCEPT', decidedBy: { chain: 'OUTPUT', policy: 'ACCEPT' } });
  t.like(own({ destination: publicAddress }), { verdict: 'DROP', decidedBy: { noRoute: true } });
});

function forward(...rules: readonly Rule[]): RuleSet {
  const chains: [string, Chain][] = [
    ['FORWARD', { policy: 'DROP', rules }],
    ['empty', { rules: [] }],
    ['back', { rules: [rule({}, { kind: 'RETURN' }), rule({}, drop)] }],
    ['to-back', { rules: [goto('back'), rule({}, drop)] }],
    ['lets', { rules: [rule({}, accept)] }],
  ];
  return { filter: new Map(chains) };
}

const through: Partial<Packet> = { destination: guest };

test('a jump comes back, a goto comes back to where its chain was jumped to from', (t) => {
  t.like(run(through, forward(jump('empty'), rule({}, accept))), {
    verdict: 'ACCEPT',
    decidedBy: { chain: 'FORWARD', index: 1 },
  });
  t.like(run(through, forward(jump('back'), rule({}, accept))), { verdict: 'ACCEPT' });
  t.like(run(through, forward(jump('to-back'), rule({}, accept))), {
    verdict: 'ACCEPT',
    decidedBy: { chain: 'FORWARD' },
  });
  t.like(run(through, forward(goto('back'), rule({}, accept))), { verdict: 'DROP', decidedBy: { policy: 'DROP' } });
  t.like(run(through, forward(jump('lets'))), { verdict: 'ACCEPT', decidedBy: { chain: 'lets', index: 0 } });
  t.like(run(through, forward(rule({}, { kind: 'RETURN' }), rule({}, accept))), { decidedBy: { policy: 'DROP' } });
});

const matched: readonly [what: string, match: Match, packet: Partial<Packet>, isMatch: boolean][] = [
  ['another interface', { inInterface: eth0 }, {}, false],
  ['a negated interface', { inInterface: eth0, not: ['inInterface'] }, {}, true],
  ['a negated source', { source: parseIpv4Cidr('198.51.100.0/24'), not: ['source'] }, {}, false],
  ['the way out', { outInterface: eth0 }, {}, true],
  ['a port outside', { protocol: 'tcp', destinationPorts: portRange(1, 84) }, {}, false],
  ['a source port', { protocol: 'tcp', sourcePorts: portRange(5000) }, {}, true],
  ['ports of another protocol', { protocol: 'udp', sourcePorts: portRange(5000) }, {}, false],
  [
    'an ICMP code',
    { protocol: 'icmp', icmp: { type: 3, code: 1 } },
    { protocol: 'icmp', icmp: { type: 3, code: 1 } },
    true,
  ],
  [
    'another ICMP code',
    { protocol: 'icmp', icmp: { type: 3, code: 2 } },
    { protocol: 'icmp', icmp: { type: 3, code: 1 } },
    false,
  ],
  ['a set by source', { sets: [{ name: 'denied', direction: 'src' }] }, {}, false],
  ['a negated set', { sets: [{ name: 'denied', direction: 'src', negated: true }] }, {}, true],
  ['an original destination', { originalDestination: parseIpv4Cidr('10.1.1.0/24') }, {}, true],
  ['SNAT before POSTROUTING', { conntrackStates: ['SNAT'] }, {}, false],
];

for (const [what, match, packet, isMatch] of matched) {
  test(`match: ${what}`, (t) => {
    t.is(run({ ...through, ...packet }, forward(rule(match, accept))).verdict, isMatch ? 'ACCEPT' : 'DROP');
  });
}

test('without a connection a state decides alone, and the raw table knows no connection', (t) => {
  const withState = (state: ConntrackState): Match => ({
    conntrackStates: [state],
    originalDestination: parseIpv4Cidr('1.1.1.1/32'),
  });
  const conntrack = { state: 'INVALID' } as const;
  t.is(run({ ...through, conntrack }, forward(rule(withState('INVALID'), accept))).verdict, 'ACCEPT');
  t.is(
    run({ ...through, conntrack }, forward(rule({ originalDestination: parseIpv4Cidr('10.0.0.0/8') }, accept))).verdict,
    'DROP',
  );
  const raw: Chain = {
    policy: 'ACCEPT',
    rules: [rule({ conntrackStates: ['NEW'] }, drop), rule({ conntrackStates: ['INVALID'] }, drop)],
  };
  t.like(run(through, { raw: new Map([['PREROUTING', raw]]) }), { decidedBy: { table: 'raw', index: 1 } });
});

test('a chain or set that is not there is an error, and no answer', (t) => {
  t.throws(() => run(through, forward(jump('nowhere'))), { message: /no chain nowhere/ });
  t.throws(() => run(through, forward(rule({ sets: [{ name: 'x', direction: 'src' }] }, drop))), { message: /set x/ });
});

test('flows in turn: each rule takes the first of as many as there are rules left', (t) => {
  const addresses = ['10.1.1.2', '10.1.1.3', '10.1.1.4'].map(parseIpv4Address);
  const rules = addresses.map((address, index) =>
    rule({ everyNth: addresses.length - index }, { kind: 'DNAT', address }),
  );
  const ruleSet: RuleSet = { nat: new Map([['PREROUTING', { policy: 'ACCEPT', rules }]]) };
  const seen = new Map<Rule, number>();
  const packet: Packet = { inInterface: eth2, source: stranger, destination: publicAddress, protocol: 'udp' };
  const route = () => ({ outInterface: eth0 });
  const led = Array.from({ length: 7 }, () => tracePacket({ ruleSet, packet, route, seen }).packet.destination);
  t.deepEqual(led, [...addresses, ...addresses, addresses[0]]);
});

test('a source stays in its share, and shares are of equal size', (t) => {
  const rules = [1, 2, 3, 4].map((share) =>
    rule({ cluster: { total: 4, share, seed: 1 } }, { kind: 'DNAT', address: parseIpv4Address(`10.1.1.${share}`) }),
  );
  const ruleSet: RuleSet = { nat: new Map([['PREROUTING', { policy: 'ACCEPT', rules }]]) };
  const route = () => ({ outInterface: eth0 });
  const counts = new Map<string, number>();
  for (let number = 0; number < 1024; number += 1) {
    const source = parseIpv4Address(`198.51.${100 + (number >> 8)}.${number & 255}`);
    const packet: Packet = { inInterface: eth2, source, destination: publicAddress, protocol: 'udp' };
    const { destination } = tracePacket({ ruleSet, packet, route }).packet;
    t.is(tracePacket({ ruleSet, packet, route }).packet.destination, destination);
    counts.set(destination, (counts.get(destination) ?? 0) + 1);
  }
  t.is(counts.size, 4);
  for (const count of counts.values()) t.true(count > 200 && count < 320, `${count} of 1024`);
});

test('an answer belongs to the share of who asked', (t) => {
  const rules = [1, 2].map((share) => rule({ cluster: { total: 2, share, seed: 3 } }, { kind: 'ACCEPT' }));
  const ruleSet: RuleSet = { mangle: new Map([['PREROUTING', { policy: 'ACCEPT', rules }]]) };
  const route = () => ({ outInterface: eth0 });
  const shareOf = (packet: Packet) => tracePacket({ ruleSet, packet, route }).steps.findIndex(({ matched }) => matched);
  const host = (number: number) => parseIpv4Address(`198.51.100.${number}`);
  const [asker] = Array.from({ length: 20 }, (_, number) => host(number)).filter(
    (source) =>
      shareOf({ inInterface: eth2, source, destination: publicAddress, protocol: 'udp' }) !==
      shareOf({ inInterface: eth2, source: publicAddress, destination: source, protocol: 'udp' }),
  );
  if (asker === undefined) return t.fail('every host has the share of the public address');
  const answer = { inInterface: eth2, source: publicAddress, destination: asker, protocol: 'udp' } as const;
  t.is(
    shareOf({ ...answer, conntrack: { state: 'ESTABLISHED', originalSource: asker } }),
    shareOf({ inInterface: eth2, source: asker, destination: publicAddress, protocol: 'udp' }),
  );
});
