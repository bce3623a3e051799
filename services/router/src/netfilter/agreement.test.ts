// Two ways to say what is let through must agree: the rules, as the tracer walks them, and `admits`, which decides whose
// flows a change ends.
import type { EgressRule, IngressRule, RouterDocument } from '@isthmus/contract';
import { type Packet, tracePacket } from '@isthmus/iptables-ts';
import { cidrContains, type InterfaceName } from '@isthmus/net';
import test from 'ava';
import fc from 'fast-check';
import { admits } from '../conntrack/admission.ts';
import type { Flow, FlowDirection } from '../conntrack/conntrack.ts';
import { address, cidr, ports, settings, TestDocument } from './netfilter-fixture.ts';
import { FilterState } from './state.ts';

const publicAddresses = ['203.0.113.2', '203.0.113.3', '203.0.113.4'];
const guests = ['10.1.1.10', '10.1.1.11', '10.1.1.12'];
const outsiders = ['198.51.100.9', '192.0.2.77'];
const guestNetwork = cidr('10.1.1.0/24');
const [eth0, eth2] = ['eth0' as InterfaceName, 'eth2' as InterfaceName];

const somePorts = fc.constantFrom(ports(80), ports(80, 90), ports(85, 8080), ports(1, 65535), ports(53));
const cidrs = fc.subarray(['198.51.100.0/24', '192.0.2.77/32', '10.1.1.8/30', '0.0.0.0/0'].map(cidr));
const protocolFields = fc.oneof(
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const), ports: somePorts }),
  fc.record({ protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const, 'all' as const) }),
  fc.record({
    protocol: fc.constant('icmp' as const),
    icmp: fc.constantFrom({ type: -1, code: -1 }, { type: 8, code: -1 }, { type: 3, code: 1 }),
  }),
);
const ingress: fc.Arbitrary<IngressRule> = fc
  .tuple(protocolFields, fc.constantFrom(...publicAddresses).map(address), cidrs)
  .map(([fields, publicAddress, sources]) => ({ ...fields, publicAddress, sources }));
const egress: fc.Arbitrary<EgressRule> = fc
  .tuple(protocolFields, cidrs, cidrs)
  .map(([fields, sources, destinations]) => ({ ...fields, sources, destinations }));

function record<Entry>(entries: readonly Entry[]): Record<string, Entry> {
  return Object.fromEntries(entries.map((entry, index) => [`id-${index}`, entry]));
}

const anyDocument: fc.Arbitrary<RouterDocument> = fc
  .record({
    ingress: fc.array(ingress, { maxLength: 5 }),
    egress: fc.array(egress, { maxLength: 4 }),
    isDenied: fc.boolean(),
    hasStatic: fc.boolean(),
    isShifted: fc.boolean(),
  })
  .map(({ isDenied, hasStatic, isShifted, ...rules }) => {
    const document = new TestDocument(settings({ egressDefault: isDenied ? 'deny' : 'allow' }));
    const privatePorts = isShifted ? ports(81, 91) : ports(80, 90);
    const privateAddress = address('10.1.1.10');
    document.edit({
      'nat.portForwards': record(
        (['tcp', 'udp'] as const).map((protocol) => ({
          publicAddress: address('203.0.113.2'),
          protocol,
          publicPorts: ports(80, 90),
          privateAddress,
          privatePorts,
        })),
      ),
      'nat.staticNats': record(
        hasStatic ? [{ publicAddress: address('203.0.113.3'), privateAddress: address('10.1.1.11') }] : [],
      ),
      'routing.publicAddresses': record(
        ['203.0.113.3', '203.0.113.4'].map((text) => ({ address: address(text), prefixLength: 24, interface: eth2 })),
      ),
      'firewall.ingress': record(rules.ingress),
      'firewall.egress': record(rules.egress),
    });
    return document.view;
  });

const anyPacket: fc.Arbitrary<Packet> = fc
  .record({
    isInside: fc.boolean(),
    source: fc.nat(1),
    destination: fc.constantFrom(...publicAddresses, ...outsiders),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const, 'icmp' as const),
    destinationPort: fc.constantFrom(53, 80, 85, 90, 91, 9000),
  })
  .map(({ isInside, source, destination, protocol, destinationPort }) => ({
    inInterface: isInside ? eth0 : eth2,
    source: address((isInside ? guests : outsiders)[source] ?? '10.1.1.12'),
    destination: address(destination),
    protocol,
    ...(protocol === 'icmp' ? { icmp: { type: 8, code: 0 } } : { sourcePort: 4000, destinationPort }),
  }));

function direction(packet: Packet, isReply: boolean): FlowDirection {
  const { source, destination, sourcePort, destinationPort } = packet;
  const ends = isReply ? { source: destination, destination: source } : { source, destination };
  if (packet.protocol === 'icmp') return { ...ends, icmp: { type: isReply ? 0 : 8, code: 0, id: 1 } };
  if (sourcePort === undefined || destinationPort === undefined) return ends;
  return isReply
    ? { ...ends, sourcePort: destinationPort, destinationPort: sourcePort }
    : { ...ends, sourcePort, destinationPort };
}

test('a document admits exactly the flows whose first packet its rules let through', (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyDocument, fc.array(anyPacket, { minLength: 5, maxLength: 5 }), (document, packets) => {
      const state = FilterState.of('atest', document);
      const [ruleSet, sets] = [state.ruleSet(), state.sets()];
      for (const packet of packets) {
        const trace = (rules: typeof ruleSet) =>
          tracePacket({
            ruleSet: rules,
            sets,
            packet,
            route: (to) => {
              if (publicAddresses.includes(to)) return 'local';
              return { outInterface: cidrContains(guestNetwork, to) ? eth0 : eth2 };
            },
          });
        const result = trace(ruleSet);
        // A dropped packet's flow is the one that it would have made with nothing but the nat table.
        const made = result.verdict === 'ACCEPT' ? result.packet : trace({ nat: state.nat.chains() }).packet;
        const flow: Flow = {
          protocol: packet.protocol,
          original: direction(packet, false),
          reply: direction(made, true),
        };
        // INPUT refuses all but an echo, whatever an ingress rule says: such a flow cannot be.
        if (flow.reply.source === packet.destination && publicAddresses.includes(packet.destination)) {
          if (packet.protocol !== 'icmp') continue;
        }
        // Outside to outside is not this router's to carry.
        if (packet.inInterface === eth2 && outsiders.includes(packet.destination)) continue;
        seen.add(`${result.verdict} ${packet.inInterface} ${publicAddresses.includes(packet.destination)}`);
        t.is(admits(document, flow), result.verdict === 'ACCEPT', JSON.stringify(flow));
      }
    }),
    { numRuns: 400 },
  );
  t.is(seen.size, 6, 'each verdict on each kind of way was met');
});
