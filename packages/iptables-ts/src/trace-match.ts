// Whether a packet is what a match asks for (iptables-extensions(8)).
import { cidrContains, cidrRange, type Ipv4Address, type Ipv4Cidr, ipv4ToNumber, type PortRange } from '@isthmus/net';
import { clusterShare } from './cluster-hash.ts';
import type { ConntrackState, IpSet, Match } from './model.ts';
import type { TracedPacket } from './trace-packet.ts';

/** Sets by name, with their members as ranges of numbers. */
export type SetIndex = ReadonlyMap<string, readonly { readonly first: number; readonly last: number }[]>;

/** Prepares sets for `matches`. */
export function setIndex(sets: readonly IpSet[]): SetIndex {
  return new Map(
    sets.map(({ name, members }) => [
      name,
      members.map((member) => {
        const { first, last } = cidrRange(member);
        return { first: ipv4ToNumber(first), last: ipv4ToNumber(last) };
      }),
    ]),
  );
}

function matchesSets(match: Match, packet: TracedPacket, index: SetIndex): boolean {
  return (match.sets ?? []).every(({ name, direction, negated = false }) => {
    const members = index.get(name);
    if (members === undefined) throw new RangeError(`a rule names the set ${name}, which is not there`);
    const address = ipv4ToNumber(direction === 'src' ? packet.source : packet.destination);
    return members.some(({ first, last }) => address >= first && address <= last) !== negated;
  });
}

function matchesPorts(range: PortRange | undefined, port: number | undefined): boolean {
  return range === undefined || (port !== undefined && port >= range.first && port <= range.last);
}

function matchesProtocol(match: Match, packet: TracedPacket): boolean {
  if (match.protocol === undefined) return true;
  if (match.protocol !== packet.protocol) return false;
  const { type, code } = packet.icmp ?? { type: 8, code: 0 };
  const { icmp } = match;
  return (
    matchesPorts(match.sourcePorts, packet.sourcePort) &&
    matchesPorts(match.destinationPorts, packet.destinationPort) &&
    (icmp === undefined || (icmp.type === type && (icmp.code === undefined || icmp.code === code)))
  );
}

function matchesWay(match: Match, packet: TracedPacket): boolean {
  const agrees = (field: NonNullable<Match['not']>[number], isSo: boolean): boolean =>
    match[field] === undefined || isSo !== (match.not?.includes(field) === true);
  return (
    agrees('inInterface', match.inInterface === packet.inInterface) &&
    agrees('outInterface', match.outInterface === packet.outInterface) &&
    agrees('source', contains(match.source, packet.source)) &&
    agrees('destination', contains(match.destination, packet.destination))
  );
}

function contains(cidr: Ipv4Cidr | undefined, address: Ipv4Address | undefined): boolean {
  return cidr !== undefined && address !== undefined && cidrContains(cidr, address);
}

function isState(state: ConntrackState, { conntrack }: TracedPacket): boolean {
  if (state === 'DNAT') return conntrack.translated?.destination === true;
  if (state === 'SNAT') return conntrack.translated?.source === true;
  return conntrack.state === state;
}

function matchesConntrack(match: Match, packet: TracedPacket): boolean {
  const { conntrackStates, originalDestination } = match;
  if (conntrackStates !== undefined && !conntrackStates.some((state) => isState(state, packet))) return false;
  if (originalDestination === undefined) return true;
  const { state, originalDestination: original } = packet.conntrack;
  // Without a connection there is no original destination; the kernel then goes by the state alone (xt_conntrack.c).
  if (state === 'INVALID' || state === 'UNTRACKED') return conntrackStates !== undefined;
  return contains(originalDestination, original);
}

/**
 * True where the source of the packet's connection falls into the match's share: an answer goes by who asked. Only what
 * connection tracking knows has one.
 */
function matchesCluster({ cluster }: Match, { source, conntrack }: TracedPacket): boolean {
  if (cluster === undefined) return true;
  if (conntrack.state === 'INVALID' || conntrack.state === 'UNTRACKED') return false;
  return clusterShare(conntrack.originalSource ?? source, cluster) === cluster.share;
}

/**
 * True where every field of the match agrees with the packet, `everyNth` aside, which goes by what came before. Throws
 * RangeError on a set that is not in the index.
 */
export function matches(match: Match, packet: TracedPacket, index: SetIndex): boolean {
  return (
    matchesWay(match, packet) &&
    matchesProtocol(match, packet) &&
    matchesConntrack(match, packet) &&
    matchesCluster(match, packet) &&
    matchesSets(match, packet, index)
  );
}
