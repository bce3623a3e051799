// Which flows load balancers of UDP have admitted.
import type { LoadBalancerMember, LoadBalancerRule, RouterDocument } from '@isthmus/contract';
import type { EntryChange } from '../service.ts';
import type { Flow, FlowFilter } from './conntrack.ts';

/** True where a balancer's public side is where a flow was sent to. */
export function balancerTakes({ publicAddress, publicPort, protocol }: LoadBalancerRule, { original, ...flow }: Flow) {
  const isOurs = protocol === 'udp' && flow.protocol === 'udp';
  return isOurs && original.destination === publicAddress && original.destinationPort === publicPort;
}

/** What to list for the flows of a balancer. */
export function balancerFilter({ publicAddress, publicPort }: LoadBalancerRule): FlowFilter {
  return { protocol: 'udp', originalDestination: publicAddress, originalDestinationPort: publicPort };
}

/** Says of a flow whether a document's balancers lead it to where it goes. */
export function balancing({ settings, entries }: RouterDocument): (flow: Flow) => boolean {
  if (!settings.loadBalancing.enabled) return () => false;
  const rules = [...entries['loadBalancing.rules']].filter(([, { protocol }]) => protocol === 'udp');
  if (rules.length === 0) return () => false;
  const byListener = new Map(rules.map(([id, rule]) => [`${rule.publicAddress}:${rule.publicPort}`, { id, rule }]));
  const members = Map.groupBy(entries['loadBalancing.members'].values(), ({ rule }) => rule);
  return (flow) => {
    const { original, reply } = flow;
    const found = byListener.get(`${original.destination}:${original.destinationPort}`);
    if (found === undefined || !balancerTakes(found.rule, flow) || reply.sourcePort !== found.rule.privatePort)
      return false;
    return members.get(found.id)?.some(({ address }) => address === reply.source) === true;
  };
}

/** Rules of UDP that a change takes something from: a member that goes, or the rule itself. */
export function narrowedBalancers(
  rules: readonly EntryChange<'loadBalancing.rules'>[],
  members: readonly EntryChange<'loadBalancing.members'>[],
  document: RouterDocument,
): LoadBalancerRule[] {
  const own = rules.flatMap(({ before }) => before ?? []);
  const left = ({ before, after }: EntryChange<'loadBalancing.members'>): LoadBalancerMember[] =>
    before === undefined || before.address === after?.address ? [] : [before];
  const ofMembers = members
    .flatMap(left)
    .flatMap(({ rule }) => document.entries['loadBalancing.rules'].get(rule) ?? []);
  return [...own, ...ofMembers].filter(({ protocol }) => protocol === 'udp');
}
