import { createHash } from 'node:crypto';
import type { IpSet, Match } from '@isthmus/iptables-ts';
import { type Ipv4Cidr, prefixLengthOf } from '@isthmus/net';

interface SharedList {
  readonly set: IpSet;
  uses: number;
}

/** A list of a rule as the rules see it. `anywhere` needs no match at all. */
type CidrList = { kind: 'anywhere' } | { kind: 'one'; cidr: Ipv4Cidr } | { kind: 'several'; members: Ipv4Cidr[] };

function read(cidrs: readonly Ipv4Cidr[]): CidrList {
  if (cidrs.length === 0 || cidrs.some((cidr) => prefixLengthOf(cidr) === 0)) return { kind: 'anywhere' };
  const members = [...new Set(cidrs)].sort();
  const [cidr] = members;
  return cidr !== undefined && members.length === 1 ? { kind: 'one', cidr } : { kind: 'several', members };
}

/**
 * The ipsets of CIDR lists, shared by content: two rules with the same list use one set, whose name is a hash of its
 * sorted members (10,000 sets of their own would take 2.5 s to make). A set's content therefore never changes.
 */
export class CidrLists {
  readonly #prefix: string;
  readonly #lists = new Map<string, SharedList>();
  /** Whether a set was there at the last `takeChanges`, for those made or given up since. */
  readonly #taken = new Map<string, boolean>();

  constructor(namePrefix: string) {
    this.#prefix = `${namePrefix}l-`;
  }

  #nameOf(members: readonly Ipv4Cidr[]): string {
    return `${this.#prefix}${createHash('sha256').update(members.join()).digest('hex').slice(0, 16)}`;
  }

  /** The match of one list, and its use counted. Every `retain` has its `release`. */
  retain(cidrs: readonly Ipv4Cidr[], direction: 'src' | 'dst'): Match {
    const list = read(cidrs);
    if (list.kind === 'anywhere') return {};
    if (list.kind === 'one') return direction === 'src' ? { source: list.cidr } : { destination: list.cidr };
    const name = this.#nameOf(list.members);
    const shared = this.#lists.get(name) ?? { set: { name, type: 'hash:net', members: list.members }, uses: 0 };
    if (shared.uses === 0 && !this.#taken.has(name)) this.#taken.set(name, false);
    shared.uses += 1;
    this.#lists.set(name, shared);
    return { sets: [{ name, direction }] };
  }

  /** One use fewer. */
  release(cidrs: readonly Ipv4Cidr[]): void {
    const list = read(cidrs);
    if (list.kind !== 'several') return;
    const name = this.#nameOf(list.members);
    const shared = this.#lists.get(name);
    if (shared === undefined) return;
    shared.uses -= 1;
    if (shared.uses > 0) return;
    this.#lists.delete(name);
    if (!this.#taken.has(name)) this.#taken.set(name, true);
  }

  /** Every set in use. */
  sets(): IpSet[] {
    return [...this.#lists.values()].map(({ set }) => set);
  }

  /** Sets that are needed, and names of sets that are not any more, since the last call. */
  takeChanges(): { readonly added: readonly IpSet[]; readonly removed: readonly string[] } {
    const names = [...this.#taken];
    this.#taken.clear();
    return {
      added: names.flatMap(([name, was]) => (was ? [] : (this.#lists.get(name)?.set ?? []))),
      removed: names.filter(([name, was]) => was && !this.#lists.has(name)).map(([name]) => name),
    };
  }
}

/** Two matches in one: fields of both, sets of both. */
export function joinMatches(a: Match, b: Match): Match {
  const sets = [...(a.sets ?? []), ...(b.sets ?? [])];
  return { ...a, ...b, ...(sets.length === 0 ? {} : { sets }) };
}
