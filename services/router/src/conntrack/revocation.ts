// Revoked means revoked: which flows a change has to end, and ending them.
import type {
  EgressRule,
  IngressRule,
  LoadBalancerRule,
  PortForward,
  RoutedRule,
  RouterDocument,
  StaticNat,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { cidrContains, type Ipv4Address } from '@isthmus/net';
import type { FilterChange, FilterSettings } from '../netfilter/state.ts';
import { admission, egressMatches, forwardTakes, ingressMatches } from './admission.ts';
import { balancerFilter, balancerTakes, narrowedBalancers } from './balancers.ts';
import { deletionLines, type Flow, type FlowFilter, listFlows, runDeletions } from './conntrack.ts';

/** Flows that one taken or narrowed entry may have admitted, and how to list no more than these. */
interface Suspicion {
  readonly filter: FlowFilter;
  readonly matches: (flow: Flow) => boolean;
}

/** Where the flows are, and a file that `deleteFlows` may write. */
export interface FlowTable {
  readonly host: Host;
  readonly deletionPath: string;
}

/** Above so many different listings one of everything is cheaper. */
const maxListings = 4;

function ofIngress(rule: IngressRule): Suspicion {
  const { publicAddress: originalDestination, protocol, ports } = rule;
  const isOnePort = ports !== undefined && ports.first === ports.last;
  return {
    filter: {
      originalDestination,
      ...(protocol === 'all' ? {} : { protocol }),
      ...(isOnePort ? { originalDestinationPort: ports.first } : {}),
    },
    matches: (flow) => ingressMatches(rule, flow),
  };
}

function ofForward(forward: PortForward): Suspicion {
  const { publicAddress: originalDestination, protocol, publicPorts } = forward;
  const isOnePort = publicPorts.first === publicPorts.last;
  return {
    filter: { originalDestination, protocol, ...(isOnePort ? { originalDestinationPort: publicPorts.first } : {}) },
    matches: (flow) => forwardTakes(forward, flow),
  };
}

function ofStatic({ publicAddress, privateAddress }: StaticNat): Suspicion[] {
  return [
    {
      filter: { originalDestination: publicAddress },
      matches: ({ original }) => original.destination === publicAddress,
    },
    {
      filter: { replyDestination: publicAddress },
      matches: ({ original, reply }) => original.source === privateAddress && reply.destination === publicAddress,
    },
  ];
}

function ofBalancer(rule: LoadBalancerRule): Suspicion {
  return { filter: balancerFilter(rule), matches: (flow) => balancerTakes(rule, flow) };
}

function ofEgress(rule: EgressRule | RoutedRule, { nat }: FilterSettings): Suspicion {
  return {
    filter: rule.protocol === 'all' ? {} : { protocol: rule.protocol },
    matches: (flow) => cidrContains(nat.guestNetwork, flow.original.source) && egressMatches(rule, flow),
  };
}

function ofInbound(rule: RoutedRule, { nat }: FilterSettings): Suspicion {
  return {
    filter: rule.protocol === 'all' ? {} : { protocol: rule.protocol },
    matches: (flow) => cidrContains(nat.guestNetwork, flow.original.destination) && egressMatches(rule, flow),
  };
}

function ofSettings(before: FilterSettings, after: FilterSettings): Suspicion[] {
  const isNarrowed =
    before.firewall.egressDefault !== after.firewall.egressDefault ||
    before.firewall.isRouted !== after.firewall.isRouted ||
    before.nat.guestNetwork !== after.nat.guestNetwork ||
    before.nat.publicInterface !== after.nat.publicInterface;
  if (isNarrowed) return [{ filter: {}, matches: () => true }];
  const { sourceNatAddress: replyDestination } = before.nat;
  if (replyDestination === undefined || replyDestination === after.nat.sourceNatAddress) return [];
  return [{ filter: { replyDestination }, matches: ({ reply }) => reply.destination === replyDestination }];
}

/** Empty where a change takes nothing away. */
function suspicionsOf({ before, after, entries }: FilterChange, document: RouterDocument): Suspicion[] {
  if (before === null || after === null) return [];
  const given = <Entry>(entry: Entry | undefined): Entry[] => (entry === undefined ? [] : [entry]);
  // A rule that goes takes a permission; where the default is allow it is a rule that comes.
  const taken = after.firewall.egressDefault === 'deny' ? 'before' : 'after';
  return [
    ...ofSettings(before, after),
    ...entries['firewall.ingress'].flatMap((change) => given(change.before).map(ofIngress)),
    ...entries['nat.portForwards'].flatMap((change) => given(change.before).map(ofForward)),
    ...entries['nat.staticNats'].flatMap((change) => given(change.before).flatMap(ofStatic)),
    ...narrowedBalancers(entries['loadBalancing.rules'], entries['loadBalancing.members'], document).map(ofBalancer),
    ...entries['firewall.egress'].flatMap((change) => given(change[taken]).map((rule) => ofEgress(rule, after))),
    ...entries['firewall.routed'].flatMap((change) => [
      ...given(change.before).flatMap((rule) => (rule.direction === 'ingress' ? [ofInbound(rule, after)] : [])),
      ...given(change[taken]).flatMap((rule) => (rule.direction === 'egress' ? [ofEgress(rule, after)] : [])),
    ]),
  ];
}

function listingsOf(suspicions: readonly Suspicion[]): FlowFilter[] {
  const filters = new Map(suspicions.map(({ filter }) => [JSON.stringify(filter), filter]));
  return filters.size > maxListings || filters.has('{}') ? [{}] : [...filters.values()];
}

function formerAddresses({ before, entries }: FilterChange): Ipv4Address[] {
  const gone = entries['routing.publicAddresses'].flatMap((change) => change.before?.address ?? []);
  const { sourceNatAddress } = before?.nat ?? {};
  return sourceNatAddress === undefined ? gone : [...gone, sourceNatAddress];
}

/** Says which flows a change ends: what it takes away would have admitted them, and the document does not. */
export function revocation(change: FilterChange, document: RouterDocument): (flow: Flow) => boolean {
  const suspicions = suspicionsOf(change, document);
  let admits: ((flow: Flow) => boolean) | null = null;
  return (flow) => {
    if (!suspicions.some(({ matches }) => matches(flow))) return false;
    admits ??= admission(document, formerAddresses(change));
    return !admits(flow);
  };
}

/**
 * Ends the flows that a change has to end. Asks for no flow where nothing was taken away. A flow that begins while this
 * runs, where all others of its kind end, may end with them. Throws CommandError.
 */
export async function endRevokedFlows(
  { host, deletionPath }: FlowTable,
  change: FilterChange,
  document: RouterDocument,
): Promise<void> {
  const isRevoked = revocation(change, document);
  const lines: string[] = [];
  for (const filter of listingsOf(suspicionsOf(change, document))) {
    lines.push(...deletionLines(filter, await listFlows(host.commands, filter), isRevoked));
  }
  await runDeletions(host, deletionPath, lines);
}

/** Ends every flow that a document does not admit, for where nobody knows what was admitted before. Throws CommandError. */
export async function endStrayFlows({ host, deletionPath }: FlowTable, document: RouterDocument): Promise<void> {
  const admits = admission(document);
  const lines = deletionLines({}, await listFlows(host.commands), (flow) => !admits(flow));
  await runDeletions(host, deletionPath, lines);
}
