import { createHash } from 'node:crypto';
import type { CidrOf, Family, IpSet, Match } from '@isthmus/iptables-ts';
import type { Ipv4Cidr, Ipv6Cidr } from '@isthmus/net';

interface SharedList<F extends Family> {
  readonly name: string;
  readonly members: readonly CidrOf<F>[];
  uses: number;
}

/** A list of a rule as the rules see it. `anywhere` needs no match at all. */
type CidrList<Cidr> = { kind: 'anywhere' } | { kind: 'one'; cidr: Cidr } | { kind: 'several'; members: Cidr[] };

function read<Cidr extends string>(cidrs: readonly Cidr[]): CidrList<Cidr> {
  if (cidrs.length === 0 || cidrs.some((cidr) => cidr.endsWith('/0'))) return { kind: 'anywhere' };
  const members = [...new Set(cidrs)].sort();
  const [cidr] = members;
  return cidr !== undefined && members.length === 1 ? { kind: 'one', cidr } : { kind: 'several', members };
}

/** The set of a list of IPv4 networks. */
export function ipv4Set(name: string, members: readonly Ipv4Cidr[]): IpSet {
  return { name, type: 'hash:net', members };
}

/** The set of a list of IPv6 networks. */
export function ipv6Set(name: string, members: readonly Ipv6Cidr[]): IpSet<6> {
  return { name, type: 'hash:net', family: 6, members };
}

/**
 * The ipsets of CIDR lists, shared by content: two rules with the same list use one set, whose name is a hash of its
 * sorted members (10,000 sets of their own would take 2.5 s to make). A set's content therefore never changes.
 */
export class CidrLists<F extends Family = 4> {
  readonly #prefix: string;
  readonly #setOf: (name: string, members: readonly CidrOf<F>[]) => IpSet<F>;
  readonly #lists = new Map<string, SharedList<F>>();
  /** Whether a set was there at the last `takeChanges`, for those made or given up since. */
  readonly #taken = new Map<string, boolean>();

  /** `setOf` makes a set of the family: `ipv4Set`, `ipv6Set`. */
  constructor(namePrefix: string, setOf: (name: string, members: readonly CidrOf<F>[]) => IpSet<F>) {
    this.#prefix = `${namePrefix}l-`;
    this.#setOf = setOf;
  }

  #nameOf(members: readonly CidrOf<F>[]): string {
    return `${this.#prefix}${createHash('sha256').update(members.join()).digest('hex').slice(0, 16)}`;
  }

  /** The match of one list, and its use counted. Every `retain` has its `release`. */
  retain(cidrs: readonly CidrOf<F>[], direction: 'src' | 'dst'): Match<F> {
    const list = read(cidrs);
    if (list.kind === 'anywhere') return {};
    if (list.kind === 'one') return direction === 'src' ? { source: list.cidr } : { destination: list.cidr };
    const name = this.#nameOf(list.members);
    const shared = this.#lists.get(name) ?? { name, members: list.members, uses: 0 };
    if (shared.uses === 0 && !this.#taken.has(name)) this.#taken.set(name, false);
    shared.uses += 1;
    this.#lists.set(name, shared);
    return { sets: [{ name, direction }] };
  }

  /** One use fewer. */
  release(cidrs: readonly CidrOf<F>[]): void {
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
  sets(): IpSet<F>[] {
    return [...this.#lists.values()].map(({ name, members }) => this.#setOf(name, members));
  }

  /** Sets that are needed, and names of sets that are not any more, since the last call. */
  takeChanges(): { readonly added: readonly IpSet<F>[]; readonly removed: readonly string[] } {
    const names = [...this.#taken];
    this.#taken.clear();
    return {
      added: names.flatMap(([name, was]) => {
        const list = this.#lists.get(name);
        return was || list === undefined ? [] : [this.#setOf(name, list.members)];
      }),
      removed: names.filter(([name, was]) => was && !this.#lists.has(name)).map(([name]) => name),
    };
  }
}

/** Two matches in one: fields of both, sets of both. */
export function joinMatches<F extends Family = 4>(a: Match<F>, b: Match<F>): Match<F> {
  const sets = [...(a.sets ?? []), ...(b.sets ?? [])];
  return { ...a, ...b, ...(sets.length === 0 ? {} : { sets }) };
}
