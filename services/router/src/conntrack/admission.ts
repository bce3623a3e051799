// Which flows a document admits, as the rules of templates/nat and templates/firewall would decide their first packet.
import type { EgressRule, IngressRule, PortForward, RoutedRule, RouterDocument, StaticNat } from '@isthmus/contract';
import type { Family } from '@isthmus/iptables-ts';
import { cidrContains, type Ipv4Address, type Ipv4Cidr } from '@isthmus/net';
import { balancing } from './balancers.ts';
import type { Flow, FlowDirection } from './conntrack.ts';

/** What every kind of rule says of a packet's protocol. */
type ProtocolFields = Pick<IngressRule, 'protocol' | 'ports' | 'icmp'>;

function listed(cidrs: readonly Ipv4Cidr[], address: Ipv4Address): boolean {
  return cidrs.length === 0 || cidrs.some((cidr) => cidrContains(cidr, address));
}

function icmpMatches({ icmp }: ProtocolFields, direction: FlowDirection<Family>): boolean {
  if (icmp === undefined || icmp.type === -1) return true;
  if (direction.icmp?.type !== icmp.type) return false;
  return icmp.code === -1 || direction.icmp.code === icmp.code;
}

/** True where a rule's protocol, ports and type take a flow; ICMP in a rule is ICMPv6 in a flow of IPv6. */
export function protocolMatches(rule: ProtocolFields, { protocol, original }: Flow<Family>): boolean {
  if (rule.protocol === 'all') return true;
  if (rule.protocol !== (protocol === 'icmpv6' ? 'icmp' : protocol)) return false;
  if (rule.protocol === 'icmp') return icmpMatches(rule, original);
  const { ports } = rule;
  const port = original.destinationPort;
  return ports === undefined || (port !== undefined && port >= ports.first && port <= ports.last);
}

/** True where an ingress rule takes the first packet of a flow. */
export function ingressMatches(rule: IngressRule, flow: Flow): boolean {
  const { source, destination } = flow.original;
  return rule.publicAddress === destination && protocolMatches(rule, flow) && listed(rule.sources, source);
}

/** True where a rule with sources and destinations takes the first packet of a flow, to permit or to deny it. */
export function egressMatches(rule: EgressRule | RoutedRule, flow: Flow): boolean {
  const { source, destination } = flow.original;
  return protocolMatches(rule, flow) && listed(rule.sources, source) && listed(rule.destinations, destination);
}

/** True where a port forward's public side is where a flow was sent to. */
export function forwardTakes({ publicAddress, protocol, publicPorts }: PortForward, flow: Flow): boolean {
  const { destination, destinationPort = 0 } = flow.original;
  const { first, last } = publicPorts;
  return (
    publicAddress === destination && protocol === flow.protocol && destinationPort >= first && destinationPort <= last
  );
}

/** True where a flow was turned to where a port forward leads. */
function forwardLeads(forward: PortForward, flow: Flow): boolean {
  if (!forwardTakes(forward, flow)) return false;
  const { destinationPort = 0 } = flow.original;
  const port = forward.privatePorts.first + destinationPort - forward.publicPorts.first;
  return flow.reply.source === forward.privateAddress && flow.reply.sourcePort === port;
}

function byAddress<Entry extends { readonly publicAddress: Ipv4Address }>(
  entries: ReadonlyMap<string, Entry>,
): (address: Ipv4Address) => readonly Entry[] {
  const groups = Map.groupBy(entries.values(), ({ publicAddress }) => publicAddress);
  return (address) => groups.get(address) ?? [];
}

function publicAddresses({ settings, entries }: RouterDocument): Ipv4Address[] {
  const { sourceNatAddress } = settings.nat;
  return [
    ...settings.routing.interfaces.filter(({ role }) => role === 'public').map(({ address }) => address),
    ...(sourceNatAddress === undefined ? [] : [sourceNatAddress]),
    ...[...entries['routing.publicAddresses'].values()].map(({ address }) => address),
  ];
}

/** One document's rules, arranged for many flows. */
class Admission {
  readonly #document: RouterDocument;
  readonly #ingress: (address: Ipv4Address) => readonly IngressRule[];
  readonly #forwards: (address: Ipv4Address) => readonly PortForward[];
  readonly #statics: (address: Ipv4Address) => readonly StaticNat[];
  readonly #staticAddress: ReadonlyMap<Ipv4Address, Ipv4Address>;
  readonly #egress: readonly EgressRule[];
  readonly #inbound: readonly RoutedRule[];
  readonly #own: ReadonlySet<Ipv4Address>;
  readonly #balances: (flow: Flow) => boolean;

  constructor(document: RouterDocument, formerAddresses: readonly Ipv4Address[]) {
    const { entries } = document;
    this.#document = document;
    this.#balances = balancing(document);
    this.#own = new Set([...publicAddresses(document), ...formerAddresses]);
    const routed = [...entries['firewall.routed'].values()];
    this.#inbound = routed.filter(({ direction }) => direction === 'ingress');
    const leaving = routed.filter(({ direction }) => direction === 'egress');
    this.#egress = [...entries['firewall.egress'].values(), ...leaving];
    this.#ingress = byAddress(entries['firewall.ingress']);
    this.#forwards = byAddress(entries['nat.portForwards']);
    this.#statics = byAddress(entries['nat.staticNats']);
    this.#staticAddress = new Map(
      [...entries['nat.staticNats'].values()].map(({ publicAddress, privateAddress }) => [
        privateAddress,
        publicAddress,
      ]),
    );
  }

  admits(flow: Flow): boolean {
    const { source, destination } = flow.original;
    const { guestNetwork } = this.#document.settings.nat;
    if (flow.reply.source !== destination) return this.#admitsTurned(flow);
    if (this.#own.has(source)) return true;
    if (cidrContains(guestNetwork, destination)) return this.#admitsInbound(flow);
    if (this.#own.has(destination)) return this.#ingress(destination).some((rule) => ingressMatches(rule, flow));
    return !cidrContains(guestNetwork, source) || this.#admitsEgress(flow);
  }

  /** A flow that DNAT has turned: its public address must still admit it, and still lead there. */
  #admitsTurned(flow: Flow): boolean {
    const { destination } = flow.original;
    const leads =
      this.#forwards(destination).some((forward) => forwardLeads(forward, flow)) ||
      this.#balances(flow) ||
      this.#statics(destination).some(({ privateAddress }) => privateAddress === flow.reply.source);
    return leads && this.#ingress(destination).some((rule) => ingressMatches(rule, flow));
  }

  /** To a guest's own address: from its network always, from outside by the rules of a routed network. */
  #admitsInbound(flow: Flow): boolean {
    const { nat, firewall } = this.#document.settings;
    if (cidrContains(nat.guestNetwork, flow.original.source)) return true;
    return firewall.isRouted === true && this.#inbound.some((rule) => egressMatches(rule, flow));
  }

  #admitsEgress(flow: Flow): boolean {
    const { nat, firewall } = this.#document.settings;
    const { source } = flow.original;
    const seenAs = flow.reply.destination;
    const isOurs = seenAs === nat.sourceNatAddress || seenAs === this.#staticAddress.get(source) || seenAs === source;
    if (!isOurs) return false;
    const matches = this.#egress.some((rule) => egressMatches(rule, flow));
    return matches === (firewall.egressDefault === 'deny');
  }
}

/**
 * A predicate that says whether a document admits a flow: that its first packet, sent again now, would be let through and
 * led to where the flow leads. Flows that the router itself began are always admitted. `formerAddresses`: public
 * addresses that the document names no more.
 */
export function admission(
  document: RouterDocument,
  formerAddresses: readonly Ipv4Address[] = [],
): (flow: Flow) => boolean {
  const rules = new Admission(document, formerAddresses);
  return (flow) => rules.admits(flow);
}

/** `admission` for a single flow. */
export function admits(document: RouterDocument, flow: Flow): boolean {
  return admission(document)(flow);
}
