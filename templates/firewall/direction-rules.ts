// Rules of one direction, of either family: egress of a network behind NAT, and both ways of routed and IPv6 networks.
import { bucketOf } from '@isthmus/contract';
import { type Chain, type CidrOf, DispatchTree, type Family, type Match, type Rule } from '@isthmus/iptables-ts';
import { type CidrLists, joinMatches } from './cidr-lists.ts';
import type { ProtocolFields } from './protocol-match.ts';

/** What a rule of a direction holds. Empty lists mean anywhere. */
export interface DirectionRule<F extends Family = 4> extends ProtocolFields {
  readonly sources: readonly CidrOf<F>[];
  readonly destinations: readonly CidrOf<F>[];
}

/** How the chains of a direction are named, and what a rule's protocol is as a match of the family. */
export interface DirectionOptions<F extends Family> {
  /** The chain to go to. */
  readonly chain: string;
  /** Prefix of the chains of rules without ports. */
  readonly bucketPrefix: string;
  /** Prefix of the chains of rules with ports; at most 9 characters. */
  readonly treePrefix: string;
  readonly lists: CidrLists<F>;
  readonly protocolMatch: (rule: ProtocolFields) => Match<F>;
}

const bucketCount = 64;

interface Entry<F extends Family> {
  readonly rule: DirectionRule<F>;
  readonly line: Rule<F>;
}

/**
 * One chain that decides every packet. Rules with ports stand in a search tree by protocol and port; rules without are
 * walked one by one, in 64 chains by a hash of their id, so that a change touches one of these. Whether a matching rule
 * permits or denies is the default's opposite, so the order of rules never matters.
 */
export class DirectionRules<F extends Family = 4> {
  /** The chain to go to. */
  readonly chain: string;
  readonly #options: DirectionOptions<F>;
  readonly #tree: DispatchTree<F>;
  readonly #entries = new Map<string, Entry<F>>();
  readonly #buckets = new Map<number, Map<string, Rule<F>>>();
  readonly #changed = new Set<number>();
  #default: 'allow' | 'deny' = 'deny';
  #topChanged = true;

  constructor(options: DirectionOptions<F>) {
    this.chain = options.chain;
    this.#options = options;
    this.#tree = new DispatchTree<F>({ chainPrefix: options.treePrefix, match: 'none' });
  }

  /** What happens where no rule matches. A change of it writes every rule anew. */
  setDefault(otherwise: 'allow' | 'deny'): void {
    if (otherwise === this.#default) return;
    this.#default = otherwise;
    this.#topChanged = true;
    for (const [id, { rule }] of [...this.#entries]) this.put(id, rule);
  }

  /** Adds or replaces a rule. */
  put(id: string, rule: DirectionRule<F>): void {
    const { lists, protocolMatch } = this.#options;
    const ends = joinMatches<F>(lists.retain(rule.sources, 'src'), lists.retain(rule.destinations, 'dst'));
    this.remove(id);
    const match = joinMatches<F>(protocolMatch(rule), ends);
    const line: Rule<F> = { match, target: { kind: this.#default === 'deny' ? 'ACCEPT' : 'DROP' } };
    this.#entries.set(id, { rule, line });
    const { protocol, ports } = rule;
    if (ports === undefined) this.#putInBucket(bucketOf(id) % bucketCount, id, line);
    else this.#tree.put(id, { protocol, ports }, [line]);
  }

  #putInBucket(number: number, id: string, line: Rule<F>): void {
    const bucket = this.#buckets.get(number) ?? new Map<string, Rule<F>>();
    if (bucket.size === 0) this.#topChanged = true;
    this.#buckets.set(number, bucket);
    bucket.set(id, line);
    this.#changed.add(number);
  }

  /** Takes a rule out and answers with it; undefined where there was none. */
  remove(id: string): DirectionRule<F> | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#options.lists.release(entry.rule.sources);
    this.#options.lists.release(entry.rule.destinations);
    this.#tree.remove(id);
    if (entry.rule.ports === undefined) this.#removeFromBucket(bucketOf(id) % bucketCount, id);
    return entry.rule;
  }

  #removeFromBucket(number: number, id: string): void {
    const bucket = this.#buckets.get(number);
    if (bucket === undefined) return;
    bucket.delete(id);
    this.#changed.add(number);
    if (bucket.size > 0) return;
    this.#buckets.delete(number);
    this.#topChanged = true;
  }

  #bucketName(number: number): string {
    return `${this.#options.bucketPrefix}${String(number).padStart(2, '0')}`;
  }

  #top(): Chain<F> {
    const buckets = [...this.#buckets.keys()].sort((a, b) => a - b);
    return {
      rules: [
        { match: {}, target: { kind: 'jump', chain: this.#tree.root } },
        ...buckets.map((number): Rule<F> => ({ match: {}, target: { kind: 'jump', chain: this.#bucketName(number) } })),
        { match: {}, target: { kind: this.#default === 'deny' ? 'DROP' : 'ACCEPT' } },
      ],
    };
  }

  #bucketChain(number: number): Chain<F> | null {
    const bucket = this.#buckets.get(number);
    if (bucket === undefined) return null;
    const ids = [...bucket.keys()].sort();
    return { rules: ids.flatMap((id) => bucket.get(id) ?? []) };
  }

  chains(): ReadonlyMap<string, Chain<F>> {
    const chains = new Map<string, Chain<F>>([[this.chain, this.#top()]]);
    for (const number of this.#buckets.keys()) {
      const chain = this.#bucketChain(number);
      if (chain !== null) chains.set(this.#bucketName(number), chain);
    }
    for (const [name, chain] of this.#tree.chains()) chains.set(name, chain);
    return chains;
  }

  /** Chains that changed since the last call; null: gone. The first call answers with all of them. */
  takeChanges(): ReadonlyMap<string, Chain<F> | null> {
    const changes = new Map<string, Chain<F> | null>();
    if (this.#topChanged) changes.set(this.chain, this.#top());
    for (const number of this.#changed) changes.set(this.#bucketName(number), this.#bucketChain(number));
    for (const [name, chain] of this.#tree.takeChanges()) changes.set(name, chain);
    this.#topChanged = false;
    this.#changed.clear();
    return changes;
  }
}
