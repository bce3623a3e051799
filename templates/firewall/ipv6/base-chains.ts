// The built-in chains of raw and filter of IPv6. There is no translation, so every decision stands in filter; the table
// mangle is not needed. What of ICMPv6 must pass follows RFC 4890.
import type { Chain, Match, Rule, Target } from '@isthmus/iptables-ts';
import { type InterfaceName, type Ipv6Address, type Ipv6Cidr, ipv6Network, portRange } from '@isthmus/net';

/** What the chains of a dual-stack network follow from. Without `publicInterface` nothing goes in or out. */
export interface Ipv6Base {
  readonly guestInterface: InterfaceName;
  readonly guestNetwork: Ipv6Cidr;
  /** The router's own address on the guest network. */
  readonly guestAddress: Ipv6Address;
  readonly publicInterface?: InterfaceName;
  /** Of a router in a VM: its control NIC has no IPv6. */
  readonly controlInterface?: InterfaceName;
}

/** Names that the built-in chains refer to. */
export interface Ipv6Names {
  readonly inbound: string;
  readonly egress: string;
  readonly spoof: string;
}

type Verdict = 'ACCEPT' | 'DROP';

function rule(match: Match<6>, target: Verdict | Target<6>): Rule<6> {
  return { match, target: typeof target === 'string' ? { kind: target } : target };
}

const loopback = 'lo' as InterfaceName;
const unspecified = '::/128' as Ipv6Cidr;
const linkLocal = 'fe80::/10' as Ipv6Cidr;
const allNodesOfLink = 'ff02::/16' as Ipv6Cidr;
const dnsPort = portRange(53);
const dhcpServerPort = portRange(547);

/** Types of ICMPv6 (RFC 4443, 4861, 2710). */
const types = {
  echoRequest: 128,
  listenerQuery: 130,
  routerSolicitation: 133,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

function icmp(type: keyof typeof types): Match<6> {
  return { protocol: 'icmpv6', icmp: { type: types[type] } };
}

function established(): Rule<6> {
  return rule({ conntrackStates: ['RELATED', 'ESTABLISHED'] }, 'ACCEPT');
}

/**
 * raw: who may speak at all, before connection tracking looks. A guest speaks from its network, from a link-local address,
 * or, while it checks an address that it does not have yet, from `::` (RFC 4862, 5.4).
 */
export function ipv6Raw(base: Ipv6Base, names: Ipv6Names): Map<string, Chain<6>> {
  const { guestInterface, guestNetwork, publicInterface, controlInterface } = base;
  const rules = [
    ...(controlInterface === undefined ? [] : [rule({ inInterface: controlInterface }, 'DROP')]),
    rule({ inInterface: guestInterface, source: guestNetwork, not: ['source'] }, { kind: 'goto', chain: names.spoof }),
    ...(publicInterface === undefined ? [] : [rule({ inInterface: publicInterface, source: guestNetwork }, 'DROP')]),
  ];
  const spoof = [
    rule({ source: linkLocal }, 'ACCEPT'),
    rule({ source: unspecified, protocol: 'icmpv6' }, 'ACCEPT'),
    rule({}, 'DROP'),
  ];
  return new Map<string, Chain<6>>([
    ['PREROUTING', { policy: 'ACCEPT', rules }],
    [names.spoof, { rules: spoof }],
  ]);
}

/** What a link needs whatever the rules: neighbours find each other, and switches that listen learn who listens. */
function linkRules(inInterface: InterfaceName): Rule<6>[] {
  return [
    rule({ inInterface, ...icmp('neighbourSolicitation') }, 'ACCEPT'),
    rule({ inInterface, ...icmp('neighbourAdvertisement') }, 'ACCEPT'),
    rule({ inInterface, source: linkLocal, ...icmp('listenerQuery') }, 'ACCEPT'),
  ];
}

/**
 * filter INPUT: guests get router advertisements, DHCPv6, DNS and an echo. From the public side come only what finds
 * neighbours, and errors of the router's own connections, such as packet too big. Advertisements of other routers and
 * redirects are taken from nobody.
 */
export function ipv6Input({ guestInterface: inInterface, guestAddress, publicInterface }: Ipv6Base): Chain<6> {
  const own = ipv6Network(guestAddress, 128);
  const rules = [
    established(),
    rule({ inInterface: loopback }, 'ACCEPT'),
    ...linkRules(inInterface),
    ...(publicInterface === undefined ? [] : linkRules(publicInterface)),
    rule({ conntrackStates: ['INVALID'] }, 'DROP'),
    rule({ inInterface, ...icmp('routerSolicitation') }, 'ACCEPT'),
    rule({ inInterface, source: linkLocal, protocol: 'udp', destinationPorts: dhcpServerPort }, 'ACCEPT'),
    rule({ inInterface, destination: own, protocol: 'udp', destinationPorts: dnsPort }, 'ACCEPT'),
    rule({ inInterface, destination: own, protocol: 'tcp', destinationPorts: dnsPort }, 'ACCEPT'),
    ...[own, linkLocal, allNodesOfLink].map((destination) =>
      rule({ inInterface, destination, ...icmp('echoRequest') }, 'ACCEPT'),
    ),
  ];
  return { policy: 'DROP', rules };
}

/**
 * filter FORWARD: what is established, and with it the errors that a connection needs (RFC 4890, 4.3.1: they are
 * RELATED); into the network as its inbound rules admit, out of it by the egress rules.
 */
export function ipv6Forward(base: Ipv6Base, names: Ipv6Names): Chain<6> {
  const { guestInterface, guestNetwork, publicInterface, controlInterface } = base;
  const control =
    controlInterface === undefined
      ? []
      : [rule({ inInterface: controlInterface }, 'DROP'), rule({ outInterface: controlInterface }, 'DROP')];
  const ways =
    publicInterface === undefined
      ? []
      : [
          rule(
            { inInterface: publicInterface, outInterface: guestInterface, destination: guestNetwork },
            { kind: 'goto', chain: names.inbound },
          ),
          rule(
            { inInterface: guestInterface, outInterface: publicInterface, source: guestNetwork },
            { kind: 'goto', chain: names.egress },
          ),
        ];
  return {
    policy: 'DROP',
    rules: [...control, established(), rule({ conntrackStates: ['INVALID'] }, 'DROP'), ...ways],
  };
}

/** filter OUTPUT: everything but redirects, which no guest of a network with one router needs. */
export function ipv6Output({ controlInterface }: Ipv6Base): Chain<6> {
  return {
    policy: 'ACCEPT',
    rules: [
      ...(controlInterface === undefined ? [] : [rule({ outInterface: controlInterface }, 'DROP')]),
      rule(icmp('redirect'), 'DROP'),
    ],
  };
}

/** Of a network without IPv6, and before any document: nothing in, nothing through. */
export function closedIpv6Chains(): Map<string, Chain<6>> {
  return new Map<string, Chain<6>>([
    ['INPUT', { policy: 'DROP', rules: [rule({ inInterface: loopback }, 'ACCEPT')] }],
    ['FORWARD', { policy: 'DROP', rules: [] }],
    ['OUTPUT', { policy: 'ACCEPT', rules: [] }],
  ]);
}
