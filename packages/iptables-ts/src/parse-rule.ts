// One rule from the words of an -A line. The inverse of renderRule, for any order of its options.
import { type PortRange, parseInterfaceName, parseIpv4Address, parsePortRange, portRange } from '@isthmus/net';
import { canonicalRule } from './canonical.ts';
import { families } from './families.ts';
import type { CidrOf, Family, Match, ProtocolOf, Rule, Target } from './model.ts';
import { isChainName, isSetName } from './names.ts';
import { conntrackStateOrder, portCount } from './render.ts';

type Writable<T> = { -readonly [Key in keyof T]: T[Key] };
type AnyMatch = Match<Family>;
type NegatableField = NonNullable<AnyMatch['not']>[number];

class Words {
  readonly #words: readonly string[];
  #next = 0;

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  /** The next word, or nothing at the end. */
  shift(): string | undefined {
    const word = this.#words[this.#next];
    this.#next += 1;
    return word;
  }

  /** The next word where it is this one. */
  skip(word: string): boolean {
    const isNext = this.#words[this.#next] === word;
    if (isNext) this.#next += 1;
    return isNext;
  }

  value(option: string): string {
    const word = this.shift();
    if (word === undefined || word === '') throw new RangeError(`${option} has no value`);
    return word;
  }
}

interface Draft {
  readonly family: Family;
  readonly match: Partial<Writable<AnyMatch>>;
  readonly sets: NonNullable<AnyMatch['sets']>[number][];
  readonly not: NegatableField[];
  target: Target<Family> | undefined;
}

type Reader = (draft: Draft, words: Words, isNegated: boolean) => void;

function cidr(text: string, family: Family): CidrOf<Family> {
  const { parseCidr, single } = families[family];
  return parseCidr(text.includes('/') ? text : `${text}${single}`);
}

function set<Field extends keyof AnyMatch>(draft: Draft, field: Field, value: NonNullable<AnyMatch[Field]>): void {
  if (draft.match[field] !== undefined) throw new RangeError(`${field} is there twice`);
  draft.match[field] = value;
}

function field<Field extends keyof AnyMatch>(
  option: string,
  name: Field,
  read: (text: string, family: Family) => NonNullable<AnyMatch[Field]>,
): Reader {
  return (draft, words, isNegated) => {
    set(draft, name, read(words.value(option), draft.family));
    if (!isNegated) return;
    if (name !== 'inInterface' && name !== 'outInterface' && name !== 'source' && name !== 'destination') {
      throw new RangeError(`! before ${option} is not known`);
    }
    draft.not.push(name);
  };
}

function protocol(text: string, family: Family): ProtocolOf<Family> {
  const { icmp, icmpWord } = families[family];
  if (text === 'tcp' || text === 'udp') return text;
  if (text === icmpWord) return icmp;
  throw new RangeError(`unknown protocol ${text}`);
}

function icmpType(text: string): { type: number; code?: number } {
  const [, type, code] = /^(\d{1,3})(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  if (type === undefined) throw new RangeError(`unknown ICMP type ${text}: expected TYPE or TYPE/CODE as numbers`);
  return code === undefined ? { type: Number(type) } : { type: Number(type), code: Number(code) };
}

function states(text: string): NonNullable<AnyMatch['conntrackStates']> {
  return text.split(',').map((word) => {
    const state = conntrackStateOrder.find((known) => known === word);
    if (state === undefined) throw new RangeError(`unknown conntrack state ${word}`);
    return state;
  });
}

function matchSet(draft: Draft, words: Words, isNegated: boolean): void {
  const name = words.value('--match-set');
  const direction = words.value('--match-set');
  if (!isSetName(name)) throw new RangeError(`${name} is no set name`);
  if (direction !== 'src' && direction !== 'dst') throw new RangeError(`unknown direction ${direction}`);
  draft.sets.push({ name, direction, ...(isNegated ? { negated: true } : {}) });
}

function matchModule({ family }: Draft, words: Words): void {
  const module = words.value('-m');
  if (!['tcp', 'udp', families[family].icmpMatch, 'conntrack', 'set', 'cluster', 'statistic'].includes(module))
    throw new RangeError(`unknown match ${module}`);
}

function whole(option: string, text: string): number {
  if (!/^(?:0x[0-9a-f]{1,8}|\d{1,10})$/.test(text)) throw new RangeError(`${option} ${text}: expected a number`);
  return Number(text);
}

function numbers(words: Words, options: readonly string[]): number[] {
  return options.map((option) => {
    if (!words.skip(option)) throw new RangeError(`expected ${option}`);
    return whole(option, words.value(option));
  });
}

/** The share by its number, as it is written, or by a mask of one bit, as iptables-save writes it. */
function cluster(option: '--cluster-local-node' | '--cluster-local-nodemask'): Reader {
  return (draft, words, isNegated) => {
    if (isNegated) throw new RangeError(`! before ${option} is not known`);
    const given = whole(option, words.value(option));
    const share = option === '--cluster-local-node' ? given : Math.log2(given) + 1;
    if (!Number.isInteger(share)) throw new RangeError(`${option} ${given}: expected one bit`);
    const [total = 0, seed = 0] = numbers(words, ['--cluster-total-nodes', '--cluster-hash-seed']);
    set(draft, 'cluster', { total, share, seed });
  };
}

function statistic(draft: Draft, words: Words, isNegated: boolean): void {
  if (isNegated) throw new RangeError('! before --mode is not known');
  if (words.value('--mode') !== 'nth') throw new RangeError('--mode: expected nth');
  const [every = 0, packet] = numbers(words, ['--every', '--packet']);
  if (packet !== 0) throw new RangeError('--packet: expected 0');
  set(draft, 'everyNth', every);
}

function chainName(text: string): string {
  if (!isChainName(text)) throw new RangeError(`${text} is no chain name`);
  return text;
}

const rejections = [
  'icmp-port-unreachable',
  'icmp-admin-prohibited',
  'icmp6-port-unreachable',
  'icmp6-adm-prohibited',
  'tcp-reset',
] as const;

function reject(words: Words, family: Family): Target<Family> {
  const { rejections: own } = families[family];
  const reason = words.skip('--reject-with') ? words.value('--reject-with') : own[0];
  const known = rejections.find((each) => each === reason);
  if (known !== undefined && (known === 'tcp-reset' || own.includes(known))) return { kind: 'REJECT', with: known };
  throw new RangeError(`unknown --reject-with ${reason}`);
}

function dnatPorts(text: string, base: string | undefined, from: PortRange | undefined): PortRange {
  const [first = '', last = first] = text.split('-');
  const ports = portRange(Number(first), Number(last));
  if (portCount(ports) === 1 && base === undefined) return ports;
  if (from === undefined || Number(base) !== from.first || portCount(from) !== portCount(ports)) {
    throw new RangeError(`DNAT to ${text} has no base port, or another than the first of --dport`);
  }
  return ports;
}

function dnat(words: Words, from: PortRange | undefined): Target {
  if (!words.skip('--to-destination')) throw new RangeError('DNAT without --to-destination');
  const text = words.value('--to-destination');
  const [, address, ports, base] = /^([\d.]+)(?::(\d+(?:-\d+)?)(?:\/(\d+))?)?$/.exec(text) ?? [];
  if (address === undefined) throw new RangeError(`unknown destination ${text}`);
  const to = parseIpv4Address(address);
  return ports === undefined
    ? { kind: 'DNAT', address: to }
    : { kind: 'DNAT', address: to, ports: dnatPorts(ports, base, from) };
}

function nat(kind: 'MASQUERADE' | 'SNAT' | 'DNAT', { family, match }: Draft, words: Words): Target {
  if (family === 6) throw new RangeError(`${kind} is for IPv4 alone`);
  if (kind === 'MASQUERADE') return { kind };
  if (kind === 'DNAT') return dnat(words, match.destinationPorts);
  if (!words.skip('--to-source')) throw new RangeError('SNAT without --to-source');
  return { kind, address: parseIpv4Address(words.value('--to-source')) };
}

function target(draft: Draft, words: Words): void {
  const kind = words.value('-j');
  switch (kind) {
    case 'ACCEPT':
    case 'DROP':
    case 'RETURN':
      draft.target = { kind };
      return;
    case 'MASQUERADE':
    case 'SNAT':
    case 'DNAT':
      draft.target = nat(kind, draft, words);
      return;
    case 'CT':
      if (!words.skip('--notrack')) throw new RangeError('CT without --notrack');
      draft.target = { kind: 'NOTRACK' };
      return;
    case 'REJECT':
      draft.target = reject(words, draft.family);
      return;
    default:
      draft.target = { kind: 'jump', chain: chainName(kind) };
  }
}

const readers: Readonly<Record<string, Reader>> = {
  '-s': field('-s', 'source', cidr),
  '-d': field('-d', 'destination', cidr),
  '-i': field('-i', 'inInterface', parseInterfaceName),
  '-o': field('-o', 'outInterface', parseInterfaceName),
  '-p': field('-p', 'protocol', protocol),
  '-m': matchModule,
  '--sport': field('--sport', 'sourcePorts', parsePortRange),
  '--dport': field('--dport', 'destinationPorts', parsePortRange),
  '--icmp-type': field('--icmp-type', 'icmp', icmpType),
  '--icmpv6-type': field('--icmpv6-type', 'icmp', icmpType),
  '--ctstate': field('--ctstate', 'conntrackStates', states),
  '--ctorigdst': field('--ctorigdst', 'originalDestination', cidr),
  '--match-set': matchSet,
  '--cluster-local-node': cluster('--cluster-local-node'),
  '--cluster-local-nodemask': cluster('--cluster-local-nodemask'),
  '--mode': statistic,
  '-j': target,
  '-g': (draft, words) => {
    draft.target = { kind: 'goto', chain: chainName(words.value('-g')) };
  },
};

/** A rule of a family from the words behind `-A CHAIN`, in canonical form. Throws RangeError or InvalidValueError. */
export function parseRuleWords(list: readonly string[], family: Family): Rule<Family> {
  const words = new Words(list);
  const draft: Draft = { family, match: {}, sets: [], not: [], target: undefined };
  for (let option = words.shift(); option !== undefined; option = words.shift()) {
    const isNegated = option === '!';
    const name = isNegated ? words.value('!') : option;
    const reader = Object.hasOwn(readers, name) ? readers[name] : undefined;
    if (reader === undefined) throw new RangeError(`unknown option ${name}`);
    reader(draft, words, isNegated);
  }
  if (draft.target === undefined) throw new RangeError('the rule has no target');
  return canonicalRule({ match: { ...draft.match, sets: draft.sets, not: draft.not }, target: draft.target });
}
