// What happens to a packet, as the tracer sees it: each test is named by the sentence that it proves.
import { type Packet, tracePacket } from '@isthmus/iptables-ts';
import { cidrContains } from '@isthmus/net';
import test from 'ava';
import {
  address,
  cidr,
  type Entries,
  guestInterface,
  natSettings,
  PacketFilter,
  ports,
  publicInterface,
} from './packet-filter-fixture.ts';

const sourceNat = '203.0.113.2';
const second = '203.0.113.3';
const own = [sourceNat, second, '203.0.113.4', '10.1.1.1', '255.255.255.255'];
const outside = address('198.51.100.9');

const entries: Entries = {
  forwards: {
    web: {
      publicAddress: address(sourceNat),
      protocol: 'tcp',
      publicPorts: ports(8080),
      privateAddress: address('10.1.1.10'),
      privatePorts: ports(80),
    },
    range: {
      publicAddress: address('203.0.113.4'),
      protocol: 'udp',
      publicPorts: ports(5000, 5099),
      privateAddress: address('10.1.1.10'),
      privatePorts: ports(6000, 6099),
    },
  },
  statics: { one: { publicAddress: address(second), privateAddress: address('10.1.1.20') } },
  ingress: {
    web: { publicAddress: address(sourceNat), protocol: 'tcp', ports: ports(8080), sources: [] },
    range: {
      publicAddress: address('203.0.113.4'),
      protocol: 'udp',
      ports: ports(5000, 5050),
      sources: [cidr('198.51.100.0/24'), cidr('192.0.2.0/24')],
    },
    ssh: { publicAddress: address(second), protocol: 'tcp', ports: ports(22), sources: [cidr('198.51.100.9/32')] },
    ping: {
      publicAddress: address(second),
      protocol: 'icmp',
      icmp: { type: 8, code: 0 },
      sources: [cidr('0.0.0.0/0')],
    },
  },
};

type Sent = Pick<Packet, 'conntrack' | 'icmp'> & {
  readonly from: string;
  readonly to: string;
  /** Destination port; absent: an echo request. */
  readonly tcp?: number;
  readonly udp?: number;
};

/** `ACCEPT SOURCE > DESTINATION:PORT` as the packet leaves, or `DROP`. */
function send(filter: PacketFilter, side: 'guest' | 'public', { from, to, tcp, udp, ...more }: Sent): string {
  const port = tcp ?? udp;
  const packet: Packet = {
    inInterface: side === 'guest' ? guestInterface : publicInterface,
    source: address(from),
    destination: address(to),
    protocol: tcp !== undefined ? 'tcp' : udp !== undefined ? 'udp' : 'icmp',
    ...(port === undefined ? {} : { sourcePort: 40000, destinationPort: port }),
    ...more,
  };
  const result = tracePacket({
    ruleSet: filter.ruleSet,
    sets: filter.firewall.sets(),
    packet,
    route: (destination) => {
      if (own.includes(destination)) return 'local';
      const isGuest = cidrContains(natSettings.guestNetwork, destination);
      return { outInterface: isGuest ? guestInterface : publicInterface };
    },
  });
  if (result.verdict !== 'ACCEPT') return result.verdict;
  const { source, destination, destinationPort } = result.packet;
  return `${result.verdict} ${source} > ${destination}${destinationPort === undefined ? '' : `:${destinationPort}`}`;
}

const filter = new PacketFilter(entries);
const strict = new PacketFilter(
  {
    ...entries,
    egress: {
      web: { protocol: 'tcp', ports: ports(443), sources: [], destinations: [] },
      dns: {
        protocol: 'udp',
        ports: ports(53),
        sources: [cidr('10.1.1.10/32'), cidr('10.1.1.11/32')],
        destinations: [cidr('9.9.9.0/24')],
      },
      ping: { protocol: 'icmp', icmp: { type: 8, code: -1 }, sources: [], destinations: [] },
      mine: { protocol: 'all', sources: [cidr('10.1.1.64/26')], destinations: [] },
    },
  },
  'deny',
);

test('a forwarded port that an ingress rule opens leads to its guest', (t) => {
  t.is(send(filter, 'public', { from: outside, to: sourceNat, tcp: 8080 }), 'ACCEPT 198.51.100.9 > 10.1.1.10:80');
  t.is(send(filter, 'public', { from: outside, to: sourceNat, tcp: 8081 }), 'DROP');
  t.is(send(filter, 'public', { from: outside, to: sourceNat, udp: 8080 }), 'DROP');
});

test('a forwarded range keeps the offset, as far as the ingress rule goes, for the listed sources only', (t) => {
  const to = '203.0.113.4';
  t.is(send(filter, 'public', { from: outside, to, udp: 5042 }), 'ACCEPT 198.51.100.9 > 10.1.1.10:6042');
  t.is(send(filter, 'public', { from: outside, to, udp: 5051 }), 'DROP');
  t.is(send(filter, 'public', { from: '203.0.113.100', to, udp: 5042 }), 'DROP');
});

test('static NAT works both ways, closed by default', (t) => {
  t.is(send(filter, 'public', { from: outside, to: second, tcp: 22 }), 'ACCEPT 198.51.100.9 > 10.1.1.20:22');
  t.is(send(filter, 'public', { from: outside, to: second, tcp: 23 }), 'DROP');
  t.is(send(filter, 'public', { from: '198.51.100.10', to: second, tcp: 22 }), 'DROP');
  t.is(send(filter, 'public', { from: '192.0.2.1', to: second }), 'ACCEPT 192.0.2.1 > 10.1.1.20');
  t.is(send(filter, 'guest', { from: '10.1.1.20', to: outside, tcp: 80 }), 'ACCEPT 203.0.113.3 > 198.51.100.9:80');
  t.is(send(filter, 'guest', { from: '10.1.1.21', to: outside, tcp: 80 }), 'ACCEPT 203.0.113.2 > 198.51.100.9:80');
});

test('a guest reaches public addresses of its own network as the ingress rules say, and is seen as the router', (t) => {
  t.is(send(filter, 'guest', { from: '10.1.1.11', to: sourceNat, tcp: 8080 }), 'ACCEPT 10.1.1.1 > 10.1.1.10:80');
  t.is(send(filter, 'guest', { from: '10.1.1.10', to: sourceNat, tcp: 8080 }), 'ACCEPT 10.1.1.1 > 10.1.1.10:80');
  t.is(send(strict, 'guest', { from: '10.1.1.11', to: sourceNat, tcp: 8080 }), 'ACCEPT 10.1.1.1 > 10.1.1.10:80');
  t.is(send(filter, 'guest', { from: '10.1.1.11', to: second }), 'ACCEPT 10.1.1.1 > 10.1.1.20');
  t.is(send(filter, 'guest', { from: '10.1.1.11', to: second, tcp: 22 }), 'DROP');
});

test('with egress allowed by default a rule denies, with egress denied a rule permits', (t) => {
  const but = new PacketFilter(
    { egress: { smtp: { protocol: 'tcp', ports: ports(25), sources: [], destinations: [] } } },
    'allow',
  );
  t.is(send(but, 'guest', { from: '10.1.1.11', to: outside, tcp: 25 }), 'DROP');
  t.is(send(but, 'guest', { from: '10.1.1.11', to: outside, tcp: 26 }), 'ACCEPT 203.0.113.2 > 198.51.100.9:26');
  t.is(send(strict, 'guest', { from: '10.1.1.11', to: outside, tcp: 443 }), 'ACCEPT 203.0.113.2 > 198.51.100.9:443');
  t.is(send(strict, 'guest', { from: '10.1.1.11', to: outside, tcp: 80 }), 'DROP');
  t.is(send(strict, 'guest', { from: '10.1.1.11', to: '9.9.9.9', udp: 53 }), 'ACCEPT 203.0.113.2 > 9.9.9.9:53');
  t.is(send(strict, 'guest', { from: '10.1.1.12', to: '9.9.9.9', udp: 53 }), 'DROP');
  t.is(send(strict, 'guest', { from: '10.1.1.11', to: '8.8.8.8', udp: 53 }), 'DROP');
  t.is(send(strict, 'guest', { from: '10.1.1.12', to: outside }), 'ACCEPT 203.0.113.2 > 198.51.100.9');
  t.is(send(strict, 'guest', { from: '10.1.1.12', to: outside, icmp: { type: 13, code: 0 } }), 'DROP');
  t.is(send(strict, 'guest', { from: '10.1.1.70', to: outside, tcp: 1 }), 'ACCEPT 203.0.113.2 > 198.51.100.9:1');
});

test('no link-local address outside is reached by a guest, whatever the egress rules say', (t) => {
  for (const to of ['169.254.169.254', '169.254.0.1']) {
    t.is(send(filter, 'guest', { from: '10.1.1.11', to, tcp: 80 }), 'DROP');
    t.is(send(strict, 'guest', { from: '10.1.1.70', to, tcp: 80 }), 'DROP');
  }
  t.regex(send(filter, 'guest', { from: '10.1.1.11', to: '169.253.0.1', tcp: 80 }), /^ACCEPT/);
});

test('guests get DHCP, DNS and an echo from the router, and nothing else of it', (t) => {
  const router = '10.1.1.1';
  t.regex(send(strict, 'guest', { from: '0.0.0.0', to: '255.255.255.255', udp: 67 }), /^ACCEPT/);
  t.regex(send(strict, 'guest', { from: '10.1.1.11', to: router, udp: 67 }), /^ACCEPT/);
  t.regex(send(strict, 'guest', { from: '10.1.1.11', to: router, udp: 53 }), /^ACCEPT/);
  t.regex(send(strict, 'guest', { from: '10.1.1.11', to: router, tcp: 53 }), /^ACCEPT/);
  t.regex(send(strict, 'guest', { from: '10.1.1.11', to: router }), /^ACCEPT/);
  t.is(send(strict, 'guest', { from: '10.1.1.11', to: router, tcp: 22 }), 'DROP');
  t.is(send(strict, 'guest', { from: '0.0.0.0', to: router, udp: 53 }), 'DROP');
});

test('a public address answers an echo where a rule admits it, and never DNS', (t) => {
  const pinged = new PacketFilter({
    ingress: { all: { publicAddress: address(sourceNat), protocol: 'all', sources: [] } },
  });
  t.is(send(pinged, 'public', { from: outside, to: sourceNat }), 'ACCEPT 198.51.100.9 > 203.0.113.2');
  t.is(send(pinged, 'guest', { from: '10.1.1.11', to: sourceNat }), 'ACCEPT 10.1.1.11 > 203.0.113.2');
  t.is(send(pinged, 'public', { from: outside, to: sourceNat, udp: 53 }), 'DROP');
  t.is(send(pinged, 'guest', { from: '10.1.1.11', to: sourceNat, udp: 53 }), 'DROP');
  t.is(send(filter, 'public', { from: outside, to: sourceNat }), 'DROP');
  t.is(send(pinged, 'public', { from: outside, to: '10.1.1.1' }), 'DROP');
});

test('forged sources end before connection tracking, even on an established flow', (t) => {
  const conntrack = { state: 'ESTABLISHED' } as const;
  t.is(send(filter, 'guest', { from: outside, to: sourceNat, tcp: 443, conntrack }), 'DROP');
  t.is(send(filter, 'public', { from: '10.1.1.50', to: sourceNat, tcp: 8080 }), 'DROP');
  t.is(send(filter, 'public', { from: '10.1.1.50', to: sourceNat, tcp: 8080, conntrack }), 'DROP');
  t.is(send(filter, 'guest', { from: '10.9.9.9', to: outside, tcp: 80 }), 'DROP');
});

test('nothing reaches a guest by its own address from outside, and what is invalid ends', (t) => {
  t.is(send(filter, 'public', { from: outside, to: '10.1.1.10', tcp: 80 }), 'DROP');
  const conntrack = { state: 'INVALID' } as const;
  t.is(send(filter, 'guest', { from: '10.1.1.10', to: outside, tcp: 80, conntrack }), 'DROP');
});

test('an established flow is let through before any rule of a tenant is looked at', (t) => {
  const { ruleSet, firewall } = filter;
  const { verdict, steps } = tracePacket({
    ruleSet,
    sets: firewall.sets(),
    packet: {
      inInterface: publicInterface,
      source: outside,
      destination: address('10.1.1.10'),
      protocol: 'tcp',
      sourcePort: 40000,
      destinationPort: 80,
      conntrack: { state: 'ESTABLISHED' },
    },
    route: () => ({ outInterface: guestInterface }),
  });
  t.is(verdict, 'ACCEPT');
  t.is(steps.length, 4, 'two rules of raw, one of mangle, one of filter');
});

test('the first packet to one of 10,000 forwards, ingress and egress rules meets few rules', (t) => {
  const numbers = Array.from({ length: 10_000 }, (_, index) => index);
  const publicAddress = address(sourceNat);
  const many = new PacketFilter(
    {
      forwards: Object.fromEntries(
        numbers.map((n) => [
          `f${n}`,
          {
            publicAddress,
            protocol: 'tcp' as const,
            publicPorts: ports(1000 + 5 * n),
            privateAddress: address('10.1.1.10'),
            privatePorts: ports(80),
          },
        ]),
      ),
      ingress: Object.fromEntries(
        numbers.map((n) => [
          `i${n}`,
          { publicAddress, protocol: 'tcp' as const, ports: ports(1000 + 5 * n), sources: [] },
        ]),
      ),
      egress: Object.fromEntries(
        numbers.map((n) => [
          `e${n}`,
          { protocol: 'tcp' as const, ports: ports(1000 + 5 * n), sources: [], destinations: [] },
        ]),
      ),
    },
    'deny',
  );
  const { ruleSet } = many;
  const sets = many.firewall.sets();
  const packet: Packet = { source: outside, destination: publicAddress, protocol: 'tcp', sourcePort: 1 };
  const into = tracePacket({
    ruleSet,
    sets,
    packet: { ...packet, inInterface: publicInterface, destinationPort: 50995 },
    route: () => ({ outInterface: guestInterface }),
  });
  t.is(into.verdict, 'ACCEPT');
  t.true(into.steps.length < 160, `${into.steps.length} steps`);
  const out = tracePacket({
    ruleSet,
    sets,
    packet: {
      ...packet,
      source: address('10.1.1.10'),
      inInterface: guestInterface,
      destination: outside,
      destinationPort: 50995,
    },
    route: () => ({ outInterface: publicInterface }),
  });
  t.is(out.verdict, 'ACCEPT');
  t.true(out.steps.length < 160, `${out.steps.length} steps`);
});
