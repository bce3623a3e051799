// Revoked means revoked, for IPv6: which flows a change has to end, and ending them.
import type { Ipv6Rule, RouterDocument } from '@isthmus/contract';
import { ipv6CidrContains } from '@isthmus/net';
import type { Ipv6Change } from '../netfilter/ipv6-state.ts';
import { deletionLines, type Flow, type FlowFilter, listIpv6Flows, runDeletions } from './conntrack.ts';
import { ipv6Admission, ipv6RuleMatches } from './ipv6-admission.ts';
import type { FlowTable } from './revocation.ts';

/** Flows that one taken or narrowed entry may have admitted, and how to list no more than these. */
interface Suspicion {
  readonly filter: FlowFilter<6>;
  readonly matches: (flow: Flow<6>) => boolean;
}

/** Above so many different listings one of everything is cheaper. */
const maxListings = 4;

function filterOf({ protocol, ports }: Ipv6Rule): FlowFilter<6> {
  if (protocol === 'all') return {};
  if (protocol === 'icmp') return { protocol: 'icmpv6' };
  const isOnePort = ports !== undefined && ports.first === ports.last;
  return { protocol, ...(isOnePort ? { originalDestinationPort: ports.first } : {}) };
}

function suspicionsOf({ before, after, entries }: Ipv6Change): Suspicion[] {
  if (before === null || after === null) return [];
  const isNarrowed =
    before.egressDefault !== after.egressDefault ||
    before.base?.guestNetwork !== after.base?.guestNetwork ||
    before.base?.publicInterface !== after.base?.publicInterface;
  if (isNarrowed) return [{ filter: {}, matches: () => true }];
  const network = after.base?.guestNetwork;
  if (network === undefined) return [];
  // A rule that goes takes a permission; where the default is allow it is an egress rule that comes.
  const taken = after.egressDefault === 'deny' ? 'before' : 'after';
  const of = (rule: Ipv6Rule | undefined, direction: Ipv6Rule['direction']): Suspicion[] => {
    if (rule?.direction !== direction) return [];
    const end = direction === 'ingress' ? 'destination' : 'source';
    return [
      {
        filter: filterOf(rule),
        matches: (flow) => ipv6CidrContains(network, flow.original[end]) && ipv6RuleMatches(rule, flow),
      },
    ];
  };
  return entries.flatMap((change) => [...of(change.before, 'ingress'), ...of(change[taken], 'egress')]);
}

function listingsOf(suspicions: readonly Suspicion[]): FlowFilter<6>[] {
  const filters = new Map(suspicions.map(({ filter }) => [JSON.stringify(filter), filter]));
  return filters.size > maxListings || filters.has('{}') ? [{}] : [...filters.values()];
}

/** Ends the flows that a change has to end. Asks for no flow where nothing was taken away. Throws CommandError. */
export async function endRevokedIpv6Flows(
  { host, deletionPath }: FlowTable,
  change: Ipv6Change,
  document: RouterDocument,
): Promise<void> {
  const suspicions = suspicionsOf(change);
  if (suspicions.length === 0) return;
  const admits = ipv6Admission(document);
  const isRevoked = (flow: Flow<6>) => suspicions.some(({ matches }) => matches(flow)) && !admits(flow);
  const lines: string[] = [];
  for (const filter of listingsOf(suspicions)) {
    lines.push(...deletionLines<6>(filter, await listIpv6Flows(host.commands, filter), isRevoked));
  }
  await runDeletions(host, deletionPath, lines);
}

/** Ends every flow that a document does not admit, for where nobody knows what was admitted before. Throws CommandError. */
export async function endStrayIpv6Flows({ host, deletionPath }: FlowTable, document: RouterDocument): Promise<void> {
  const admits = ipv6Admission(document);
  const lines = deletionLines<6>({}, await listIpv6Flows(host.commands), (flow) => !admits(flow));
  await runDeletions(host, deletionPath, lines);
}
