// The flows of the connection tracking table as conntrack(8) 1.4.7 prints and deletes them.
import type { CommandRunner, Host } from '@isthmus/host';
import type { AddressOf, Family, ProtocolOf } from '@isthmus/iptables-ts';
import { type Ipv4Address, type Ipv6Address, isIpv4Address, isIpv6Address, parseIpv6Address } from '@isthmus/net';

/** One direction of a flow. Ports with tcp, udp and their like; the others with icmp and icmpv6. */
export interface FlowDirection<F extends Family = 4> {
  readonly source: AddressOf<F>;
  readonly destination: AddressOf<F>;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmp?: { readonly type: number; readonly code: number; readonly id: number };
}

/** A tracked flow. `protocol` is a name where conntrack knows one, else the number. */
export interface Flow<F extends Family = 4> {
  readonly protocol: string;
  /** As the first packet came in, before any translation. */
  readonly original: FlowDirection<F>;
  /** As an answer comes in: its source is where DNAT led, its destination what SNAT wrote. */
  readonly reply: FlowDirection<F>;
}

/** What to list; absent fields mean any. */
export interface FlowFilter<F extends Family = 4> {
  readonly protocol?: ProtocolOf<F>;
  readonly originalDestination?: AddressOf<F>;
  readonly originalDestinationPort?: number;
  readonly originalSource?: AddressOf<F>;
  readonly replyDestination?: AddressOf<F>;
}

type Fields = Record<string, string>;

type AddressReader<F extends Family> = (text: string) => AddressOf<F> | null;

function readIpv4(text: string): Ipv4Address | null {
  return isIpv4Address(text) ? text : null;
}

function readIpv6(text: string): Ipv6Address | null {
  return isIpv6Address(text) ? parseIpv6Address(text) : null;
}

function directionOf<F extends Family>(fields: Fields, read: AddressReader<F>): FlowDirection<F> | null {
  const { src = '', dst = '', sport, dport, type, code, id } = fields;
  const [source, destination] = [read(src), read(dst)];
  if (source === null || destination === null) return null;
  return {
    source,
    destination,
    ...(sport === undefined || dport === undefined
      ? {}
      : { sourcePort: Number(sport), destinationPort: Number(dport) }),
    ...(type === undefined || code === undefined || id === undefined
      ? {}
      : { icmp: { type: Number(type), code: Number(code), id: Number(id) } }),
  };
}

function parseFlow<F extends Family>(line: string, read: AddressReader<F>): Flow<F> | null {
  const [name = '', number = '', ...words] = line.split(/\s+/);
  const directions: Fields[] = [];
  for (const word of words) {
    const [key = '', value] = word.split('=');
    if (value === undefined) continue;
    if (key === 'src') directions.push({});
    const fields = directions.at(-1);
    // What follows a direction (mark, use, …) has other keys.
    if (fields !== undefined && fields[key] === undefined) fields[key] = value;
  }
  const [original, reply] = directions.map((each) => directionOf(each, read));
  if (original === undefined || original === null || reply === undefined || reply === null) return null;
  return { protocol: name === 'unknown' ? number : name, original, reply };
}

function flowsOf<F extends Family>(text: string, read: AddressReader<F>): Flow<F>[] {
  return text.split('\n').flatMap((line) => parseFlow(line, read) ?? []);
}

/** Reads `conntrack -L`. Lines that are no IPv4 flow are passed over. */
export function parseFlows(text: string): Flow[] {
  return flowsOf(text, readIpv4);
}

/** Reads `conntrack -L -f ipv6`. Lines that are no IPv6 flow are passed over. */
function parseIpv6Flows(text: string): Flow<6>[] {
  return flowsOf(text, readIpv6);
}

function filterWords(filter: FlowFilter<Family>): string[] {
  const { protocol, originalDestination, originalDestinationPort, originalSource, replyDestination } = filter;
  return [
    ...(protocol === undefined ? [] : ['-p', protocol]),
    ...(originalSource === undefined ? [] : ['--orig-src', originalSource]),
    ...(originalDestination === undefined ? [] : ['--orig-dst', originalDestination]),
    ...(originalDestinationPort === undefined ? [] : ['--orig-port-dst', String(originalDestinationPort)]),
    ...(replyDestination === undefined ? [] : ['--reply-dst', replyDestination]),
  ];
}

/** Lists flows. Throws CommandError. */
export async function listFlows(commands: CommandRunner, filter: FlowFilter = {}): Promise<Flow[]> {
  const { stdout } = await commands.run('conntrack', ['-L', '-f', 'ipv4', ...filterWords(filter)], {
    timeoutMs: 60_000,
  });
  return parseFlows(stdout);
}

/** As `listFlows`, of IPv6. */
export async function listIpv6Flows(commands: CommandRunner, filter: FlowFilter<6> = {}): Promise<Flow<6>[]> {
  const { stdout } = await commands.run('conntrack', ['-L', '-f', 'ipv6', ...filterWords(filter)], {
    timeoutMs: 60_000,
  });
  return parseIpv6Flows(stdout);
}

/** The options of conntrack(8) that name exactly this flow: by the tuples of both directions. */
function exactWords({ protocol, original, reply }: Flow<Family>): string[] {
  const words = ['-p', protocol, '--orig-src', original.source, '--orig-dst', original.destination];
  words.push('--reply-src', reply.source, '--reply-dst', reply.destination);
  const { sourcePort, destinationPort, icmp } = original;
  if (sourcePort !== undefined && destinationPort !== undefined && (protocol === 'tcp' || protocol === 'udp')) {
    words.push('--orig-port-src', String(sourcePort), '--orig-port-dst', String(destinationPort));
  }
  if (icmp !== undefined) {
    const name = protocol === 'icmpv6' ? '--icmpv6' : '--icmp';
    words.push(`${name}-type`, String(icmp.type), `${name}-code`, String(icmp.code), `${name}-id`, String(icmp.id));
  }
  return words;
}

type FlowField = keyof FlowFilter;

const named = ['tcp', 'udp', 'icmp', 'icmpv6'] as const;

const fields: { readonly [Field in FlowField]: (flow: Flow<Family>) => FlowFilter<Family>[Field] } = {
  protocol: ({ protocol }) => named.find((each) => each === protocol),
  originalDestination: ({ original }) => original.destination,
  originalDestinationPort: ({ original }) => original.destinationPort,
  originalSource: ({ original }) => original.source,
  replyDestination: ({ reply }) => reply.destination,
};

/** So few flows are named one by one. */
const fewFlows = 4;

interface FlowGroup<F extends Family> {
  readonly filter: FlowFilter<F>;
  readonly flows: readonly Flow<F>[];
}

/** The groups of a group by the field that has the fewest values in it, or null where no field tells its flows apart. */
function split<F extends Family>({ filter, flows }: FlowGroup<F>): FlowGroup<F>[] | null {
  let best: ReadonlyMap<unknown, Flow<F>[]> | null = null;
  let bestField: FlowField = 'protocol';
  for (const field of Object.keys(fields) as FlowField[]) {
    const needsProtocol = field === 'originalDestinationPort';
    if (needsProtocol && filter.protocol !== 'tcp' && filter.protocol !== 'udp') continue;
    const groups = Map.groupBy<unknown, Flow<F>>(flows, fields[field]);
    if (groups.size < 2 || groups.has(undefined) || (best !== null && groups.size >= best.size)) continue;
    best = groups;
    bestField = field;
  }
  return best === null
    ? null
    : [...best].map(([value, members]) => ({ filter: { ...filter, [bestField]: value }, flows: members }));
}

/**
 * Lines of `conntrack --load-file` that delete those of the listed flows that `isDoomed`, and of the listed ones no
 * other. conntrack walks the kernel's whole table for every line, some 10 ms, so where all the flows of some protocol,
 * address or port go, one line takes them. `filter`: what was listed.
 */
export function deletionLines<F extends Family = 4>(
  filter: FlowFilter<F>,
  listed: readonly Flow<F>[],
  isDoomed: (flow: Flow<F>) => boolean,
): string[] {
  const doomed = listed.filter(isDoomed);
  // Without it conntrack takes a line that names no address as one about IPv4.
  const family = doomed[0]?.original.source.includes(':') === true ? ['-f', 'ipv6'] : [];
  const one = (words: readonly string[]) => ['-D', ...family, ...words].join(' ');
  const isNamed = Object.keys(filter).length > 0;
  if (doomed.length > fewFlows && doomed.length === listed.length && isNamed) return [one(filterWords(filter))];
  const groups = doomed.length > fewFlows ? split({ filter, flows: listed }) : null;
  if (groups === null) return doomed.map((flow) => one(exactWords(flow)));
  return groups.flatMap((group) => deletionLines(group.filter, group.flows, isDoomed));
}

/**
 * Runs deletion lines; one that finds nothing is no error. `path`: a file to write them to, gone afterwards (conntrack
 * opens /dev/stdin by name, which a socket refuses). Throws CommandError.
 */
export async function runDeletions({ commands, files }: Host, path: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await files.writeText(path, lines.map((line) => `${line}\n`).join(''), { mode: 0o600 });
  try {
    await commands.run('conntrack', ['--load-file', path], { okCodes: [0, 1], timeoutMs: 120_000 });
  } finally {
    await files.remove(path);
  }
}
