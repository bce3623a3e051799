// The built-in chains of raw, mangle and filter: what every packet meets before any rule of a tenant.
// docs/explanation/packet-path.md draws the whole way and says why each decision stands where it does.
import type { Chain, Match, Rule, Target } from '@isthmus/iptables-ts';
import { type InterfaceName, type Ipv4Address, type Ipv4Cidr, ipv4Network, portRange } from '@isthmus/net';
import {
  type ControlPath,
  controlForward,
  controlInput,
  controlOutput,
  rawControl,
  rawControlOutput,
} from './control-path.ts';
import { type MetadataAddresses, metadataInput } from './metadata.ts';

/** What the built-in chains follow from. Without `publicInterface` nothing goes in or out. */
export interface FirewallBase {
  readonly guestInterface: InterfaceName;
  readonly guestNetwork: Ipv4Cidr;
  /** The router's own address on the guest network. */
  readonly guestAddress: Ipv4Address;
  /** Where guests ask for metadata. */
  readonly metadata?: MetadataAddresses;
  readonly publicInterface?: InterfaceName;
  /** Guests are reached at their own addresses, without NAT, as `inbound` decides. */
  readonly isRouted?: boolean;
  /** Of a router in a VM: it is managed over a NIC of its own. */
  readonly control?: ControlPath;
}

/** Names that the built-in chains refer to. */
export interface BaseNames {
  readonly ingressRoot: string;
  readonly egress: string;
  readonly listeners: string;
  /** There only in a routed network. */
  readonly inbound: string;
  readonly spoof: string;
  readonly publicAddresses: string;
}

type Verdict = 'ACCEPT' | 'DROP';

function rule(match: Match, target: Verdict | Target): Rule {
  return { match, target: typeof target === 'string' ? { kind: target } : target };
}

const loopback = 'lo' as InterfaceName;
const unspecified = '0.0.0.0/32' as Ipv4Cidr;
const linkLocal = '169.254.0.0/16' as Ipv4Cidr;
const echoRequest = { type: 8 } as const;
const dhcpServerPort = portRange(67);
const dnsPort = portRange(53);

function established(): Rule {
  return rule({ conntrackStates: ['RELATED', 'ESTABLISHED'] }, 'ACCEPT');
}

/**
 * raw: who may speak at all, before connection tracking looks, so that a forged source cannot ride on another's
 * established flow. A guest without address (DHCP, RFC 2131) speaks from 0.0.0.0.
 */
export function rawChains(base: FirewallBase, names: BaseNames): Map<string, Chain> {
  const { guestInterface, guestNetwork, publicInterface, control } = base;
  const rules = [
    ...rawControl(control),
    rule({ inInterface: guestInterface, source: guestNetwork, not: ['source'] }, { kind: 'goto', chain: names.spoof }),
    ...(publicInterface === undefined ? [] : [rule({ inInterface: publicInterface, source: guestNetwork }, 'DROP')]),
  ];
  const spoof = [
    rule({ source: unspecified, protocol: 'udp', destinationPorts: dhcpServerPort }, 'ACCEPT'),
    rule({}, 'DROP'),
  ];
  return new Map([
    ['PREROUTING', { policy: 'ACCEPT', rules }],
    ...rawControlOutput(control),
    [names.spoof, { rules: spoof }],
  ]);
}

/**
 * mangle PREROUTING: what is established passes; what is new and meant for a public address of the network is decided
 * by the ingress rules, before DNAT, so that a rule says what a tenant reads, and whichever side it comes from; anything
 * else that is new from outside ends here, besides what is for the guests of a routed network, which FORWARD decides
 * by the rules of `inbound`. `closed` leaves the ingress rules out: nothing new reaches a public address.
 */
export function manglePrerouting(base: FirewallBase, names: BaseNames, options: { closed?: boolean } = {}): Chain {
  const { publicInterface, guestNetwork, isRouted = false } = base;
  const own: Match = { sets: [{ name: names.publicAddresses, direction: 'dst' }] };
  const routed: Match[] =
    isRouted && publicInterface !== undefined ? [{ inInterface: publicInterface, destination: guestNetwork }] : [];
  const rules = [
    established(),
    rule({ conntrackStates: ['INVALID'] }, 'DROP'),
    rule({ inInterface: loopback }, 'ACCEPT'),
    ...(options.closed === true ? [] : [rule(own, { kind: 'jump', chain: names.ingressRoot })]),
    rule(own, 'DROP'),
    ...routed.map((match) => rule(match, 'ACCEPT')),
    ...(publicInterface === undefined ? [] : [rule({ inInterface: publicInterface }, 'DROP')]),
  ];
  return { policy: 'ACCEPT', rules };
}

/**
 * filter INPUT: guests get DHCP, DNS, metadata and an echo from the router's own address, nobody else does. What is left of a
 * public address here (neither forwarded nor static NAT) answers an echo, and the listeners of load balancers: mangle has
 * asked the ingress rules.
 */
export function filterInput(base: FirewallBase, names: BaseNames): Chain {
  const { guestInterface: inInterface, guestAddress, publicInterface } = base;
  const destination = ipv4Network(guestAddress, 32);
  const ping: Match = { protocol: 'icmp', icmp: echoRequest };
  const own: Match = { sets: [{ name: names.publicAddresses, direction: 'dst' }] };
  const sides = publicInterface === undefined ? [inInterface] : [inInterface, publicInterface];
  const rules = [
    ...controlInput(base.control),
    established(),
    rule({ inInterface: loopback }, 'ACCEPT'),
    rule({ inInterface, protocol: 'udp', destinationPorts: dhcpServerPort }, 'ACCEPT'),
    rule({ inInterface, destination, protocol: 'udp', destinationPorts: dnsPort }, 'ACCEPT'),
    rule({ inInterface, destination, protocol: 'tcp', destinationPorts: dnsPort }, 'ACCEPT'),
    rule({ inInterface, destination, ...ping }, 'ACCEPT'),
    ...metadataInput(inInterface, base.metadata ?? []),
    ...sides.map((side) => rule({ inInterface: side, ...own, ...ping }, 'ACCEPT')),
    ...sides.map((side) =>
      rule({ inInterface: side, ...own, protocol: 'tcp' }, { kind: 'jump', chain: names.listeners }),
    ),
  ];
  return { policy: 'DROP', rules };
}

/**
 * filter FORWARD: to a guest only what a forward or static NAT has turned towards it, from outside or from another
 * guest (hairpin), and in a routed network what its inbound rules admit; from a guest to outside by the egress rules. Link-local addresses outside are never a guest's to reach
 * (RFC 3927, 7): there a cloud has what it tells the machine that carries this router, such as its credentials.
 */
export function filterForward(base: FirewallBase, names: BaseNames): Chain {
  const { guestInterface, guestNetwork, publicInterface, isRouted = false } = base;
  const turned: Match = { outInterface: guestInterface, conntrackStates: ['DNAT'] };
  const rules = [
    ...controlForward(base.control),
    established(),
    ...(publicInterface === undefined ? [] : [rule({ inInterface: publicInterface, ...turned }, 'ACCEPT')]),
    rule({ inInterface: guestInterface, ...turned }, 'ACCEPT'),
    ...(publicInterface === undefined
      ? []
      : [
          ...(isRouted
            ? [
                rule(
                  { inInterface: publicInterface, outInterface: guestInterface, destination: guestNetwork },
                  { kind: 'goto', chain: names.inbound },
                ),
              ]
            : []),
          rule({ outInterface: publicInterface, destination: linkLocal }, 'DROP'),
          rule({ inInterface: guestInterface, outInterface: publicInterface }, { kind: 'goto', chain: names.egress }),
        ]),
  ];
  return { policy: 'DROP', rules };
}

/** filter OUTPUT: everything, and on the control NIC only answers of the agent. */
export function filterOutput(base: FirewallBase): Chain {
  return { policy: 'ACCEPT', rules: controlOutput(base.control) };
}
