// The flows of a router as its replacement takes them over: every tracked flow with its translation, state and time left.
// conntrack(8) 1.4.7 sets the bits of NAT, without which the kernel translates nothing, only where a flow is made with
// --src-nat and --dst-nat and without the tuple of its answers. 10,000 flows take 0.14 s.
import { gunzipSync, gzipSync } from 'node:zlib';
import { CommandError, type Host } from '@isthmus/host';
import { isIpv4Address, isIpv6Address } from '@isthmus/net';

const families = ['ipv4', 'ipv6'] as const;
type Family = (typeof families)[number];

/** A tracked flow. `key` is its original tuple, by which the kernel tells flows apart. */
export interface TransferredFlow {
  readonly family: Family;
  readonly key: string;
  /** Words of conntrack(8) that make it, without the command. */
  readonly words: readonly string[];
}

/** Longest text of an export that is taken: some 200,000 flows. */
const longestText = 64 * 1024 * 1024;
const protocols = new Set(['tcp', 'udp', 'icmp', 'icmpv6']);
/** Of TCP; what is over is not worth a place. */
const states = new Set(['SYN_SENT', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK']);
const number = /^(?:0|[1-9]\d{0,9})$/;

/** A line of `conntrack -L`: what stands before the tuples, the fields of each of the two, and of what follows them. */
interface Line {
  readonly protocol: string;
  readonly timeout: string;
  readonly state: string | undefined;
  readonly original: ReadonlyMap<string, string>;
  readonly reply: ReadonlyMap<string, string>;
  readonly mark: string | undefined;
  readonly isReplied: boolean;
  readonly isAssured: boolean;
}

function lineOf(text: string): Line {
  const [protocol = '', , timeout = '', ...words] = text.trim().split(/\s+/);
  const [original, reply] = [new Map<string, string>(), new Map<string, string>()];
  let mark: string | undefined;
  let direction = original;
  for (const word of words) {
    const [name = '', value] = word.split('=');
    if (value === undefined) continue;
    if (name === 'src' && original.has('src')) direction = reply;
    if (name === 'mark') mark = value;
    else if (!direction.has(name)) direction.set(name, value);
  }
  return {
    ...{ protocol, timeout, original, reply, mark },
    state: words.find((word) => /^[A-Z_0-9]+$/.test(word)),
    isReplied: !words.includes('[UNREPLIED]'),
    isAssured: words.includes('[ASSURED]'),
  };
}

function isAddress(family: Family, text: string): boolean {
  return family === 'ipv4' ? isIpv4Address(text) : isIpv6Address(text);
}

function isNumber(text: string | undefined, most: number): text is string {
  return text !== undefined && number.test(text) && Number(text) <= most;
}

function end(family: Family, address: string, port: string | undefined): string {
  if (port === undefined) return address;
  return family === 'ipv4' ? `${address}:${port}` : `[${address}]:${port}`;
}

/** What tells a flow's packets apart besides addresses: ports, or type, code and id. Null where it is not as it should be. */
function selectorOf({ protocol, original }: Line): string[] | null {
  const icmp = ['type', 'code', 'id'].map((field) => [`--${protocol}-${field}`, field]);
  const ports = ['sport', 'dport'].map((field) => [`--${field}`, field]);
  const named = protocol.startsWith('icmp') ? icmp : ports;
  const values = named.map(([, field = '']) => original.get(field));
  if (!values.every((value) => isNumber(value, 65_535))) return null;
  return named.flatMap(([option = ''], index) => [option, values[index] ?? '']);
}

/** Where a flow was translated to, as --dst-nat and --src-nat have it. */
function translationOf(family: Family, { original, reply }: Line): string[] | null {
  const fields = [original.get('src'), original.get('dst'), reply.get('src'), reply.get('dst')];
  if (!fields.every((address) => address !== undefined && isAddress(family, address))) return null;
  const ports = [original.get('sport'), original.get('dport'), reply.get('sport'), reply.get('dport')];
  if (!ports.every((port) => port === undefined || isNumber(port, 65_535))) return null;
  const [source, destination, answerer = '', answered = ''] = fields;
  const [from, to, answererPort, answeredPort] = ports;
  const isLed = answerer !== destination || answererPort !== to;
  const isMasked = answered !== source || answeredPort !== from;
  return [
    ...(isLed ? ['--dst-nat', end(family, answerer, answererPort)] : []),
    ...(isMasked ? ['--src-nat', end(family, answered, answeredPort)] : []),
  ];
}

function flowOf(family: Family, text: string): TransferredFlow | null {
  const line = lineOf(text);
  const { protocol, timeout, state, mark, original } = line;
  const selector = protocols.has(protocol) ? selectorOf(line) : null;
  const translation = translationOf(family, line);
  if (selector === null || translation === null || !isNumber(timeout, 10_000_000)) return null;
  if (protocol === 'tcp' && !states.has(state ?? '')) return null;
  const flags = [...(line.isReplied ? ['SEEN_REPLY'] : []), ...(line.isAssured ? ['ASSURED'] : [])];
  const tuple = ['-p', protocol, '-s', original.get('src') ?? '', '-d', original.get('dst') ?? '', ...selector];
  return {
    family,
    key: tuple.join(' '),
    words: [
      ...tuple,
      ...['-t', timeout],
      ...(flags.length === 0 ? [] : ['-u', flags.join(',')]),
      ...(protocol === 'tcp' ? ['--state', state ?? ''] : []),
      ...(isNumber(mark, 4_294_967_295) && mark !== '0' ? ['-m', mark] : []),
      ...translation,
    ],
  };
}

/**
 * Reads `conntrack -L` of a family. Flows that are over, of other protocols, or not as conntrack writes them are passed
 * over: none of their words reaches a command.
 */
export function parseTransfer(family: Family, text: string): TransferredFlow[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : (flowOf(family, line) ?? [])));
}

async function savedFlows({ commands }: Pick<Host, 'commands'>, family: Family): Promise<string> {
  return (await commands.run('conntrack', ['-L', '-f', family], { okCodes: [0, 1], timeoutMs: 60_000 })).stdout;
}

/** Every flow of the router as text: gzipped, in base64. Without `hasIpv6` those of IPv4 alone. Throws CommandError. */
export async function exportFlows(host: Pick<Host, 'commands'>, hasIpv6: boolean): Promise<string> {
  const saved = (family: Family) => (family === 'ipv4' || hasIpv6 ? savedFlows(host, family) : '');
  const parts = await Promise.all(families.map(async (family) => `${family}\n${await saved(family)}\n`));
  return gzipSync(parts.join('')).toString('base64');
}

/** The flows of an export. Throws where the text is none. */
export function readTransfer(flows: string): TransferredFlow[] {
  const text = gunzipSync(Buffer.from(flows, 'base64'), { maxOutputLength: longestText }).toString('utf8');
  const [v4 = '', v6] = text.split(/^ipv6\n/m);
  if (!v4.startsWith('ipv4\n') || v6 === undefined) throw new Error('flows: expected what export-flows answers');
  return [...parseTransfer('ipv4', v4.slice('ipv4\n'.length)), ...parseTransfer('ipv6', v6)];
}

/** A flow that begins while others are taken over ends the load: what is left is looked at again. */
const mostRounds = 8;

/**
 * Tracks the flows of an export that are not tracked yet. `path`: a file to write, gone afterwards. Throws where the text
 * is no export, or the kernel refuses a flow.
 */
export async function importFlows(
  host: Host,
  path: string,
  flows: string,
): Promise<{ readonly taken: number; readonly present: number }> {
  const wanted = readTransfer(flows);
  const wantedFamilies = families.filter((each) => wanted.some(({ family }) => family === each));
  const presentKeys = async () => {
    const texts = await Promise.all(
      wantedFamilies.map(async (family) => parseTransfer(family, await savedFlows(host, family))),
    );
    return new Set(texts.flat().map(({ key }) => key));
  };
  let [taken, failure] = [0, null as unknown];
  const first = await presentKeys();
  let missing = wanted.filter(({ key }) => !first.has(key));
  for (let round = 0; missing.length > 0; round += 1) {
    if (round === mostRounds) throw failure;
    await host.files.writeText(path, missing.map(({ words }) => `-I ${words.join(' ')}\n`).join(''), { mode: 0o600 });
    try {
      await host.commands.run('conntrack', ['--load-file', path], { timeoutMs: 120_000 });
      return { taken: taken + missing.length, present: wanted.length - taken - missing.length };
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      failure = error;
    } finally {
      await host.files.remove(path);
    }
    const known = await presentKeys();
    const left = missing.filter(({ key }) => !known.has(key));
    taken += missing.length - left.length;
    // The first of those that are left is refused for good, such as one whose translation another flow has by now.
    missing = left.length === missing.length ? left.slice(1) : left;
  }
  return { taken, present: wanted.length - taken };
}
