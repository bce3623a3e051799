// Load balancing of UDP, which HAProxy does not carry: new flows are turned to the members by the nat table. A flow stays
// where its first packet went, since connection tracking turns the others.
import type { LoadBalancerMember, LoadBalancerRule } from '@isthmus/contract';
import type { Match, Rule } from '@isthmus/iptables-ts';
import { ipv4Network, portRange } from '@isthmus/net';

/** Any number; the same in a router's replacement, so that sources keep their members. */
const seed = 0x1574;

/** `count` members have one share each; of a single one nothing needs to be said. */
function shareOf(algorithm: LoadBalancerRule['algorithm'], index: number, count: number): Match {
  if (index === count - 1 && algorithm !== 'source') return {};
  if (count === 1) return {};
  if (algorithm === 'source') return { cluster: { total: count, share: index + 1, seed } };
  // Of the flows that the rules before it left over, every so many as there are members left.
  return { everyNth: count - index };
}

/**
 * The DNAT rules of one rule of UDP, one for each member that takes new flows, in the order of their ids: in turn, or by
 * a hash of the source address. Without a member there is none, and the packet ends in INPUT.
 */
export function udpBalancerRules(
  { publicAddress, publicPort, privatePort, algorithm }: LoadBalancerRule,
  members: ReadonlyMap<string, LoadBalancerMember>,
): Rule[] {
  const open = [...members].filter(([, { draining }]) => draining !== true).sort(([a], [b]) => (a < b ? -1 : 1));
  const match = {
    destination: ipv4Network(publicAddress, 32),
    protocol: 'udp',
    destinationPorts: portRange(publicPort),
  } as const;
  const ports = publicPort === privatePort ? {} : { ports: portRange(privatePort) };
  return open.map(([, { address }], index) => ({
    match: { ...match, ...shareOf(algorithm, index, open.length) },
    target: { kind: 'DNAT', address, ...ports },
  }));
}
