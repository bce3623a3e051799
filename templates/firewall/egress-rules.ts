import { bucketOf, type EgressRule } from '@isthmus/contract';
import { type Chain, DispatchTree, type Rule } from '@isthmus/iptables-ts';
import { type Ipv4Address, parseIpv4Address } from '@isthmus/net';
import { type CidrLists, joinMatches } from './cidr-lists.ts';
import { protocolMatch } from './protocol-match.ts';

/** All rules lie at one address of the tree, which then sorts by protocol and port alone. */
const anyAddress: Ipv4Address = parseIpv4Address('0.0.0.0');
const bucketCount = 64;

/** The chain without the address in its ways down: in this tree an address means nothing. */
function withoutAddress(chain: Chain): Chain {
  return {
    rules: chain.rules.map((rule) => {
      if (rule.target.kind !== 'goto') return rule;
      const { destination, ...match } = rule.match;
      return { ...rule, match };
    }),
  };
}

interface Entry {
  readonly rule: EgressRule;
  readonly line: Rule;
}

/**
 * The egress rules: one chain that decides every packet. Rules with ports stand in a search tree by protocol and port;
 * rules without are walked one by one, in 64 chains by a hash of their id, so that a change touches one of these.
 * Whether a matching rule permits or denies is the default's opposite, so the order of rules never matters.
 */
export class EgressRules {
  /** The chain to go to. */
  readonly chain: string;
  readonly #prefix: string;
  readonly #tree: DispatchTree;
  readonly #lists: CidrLists;
  readonly #entries = new Map<string, Entry>();
  readonly #buckets = new Map<number, Map<string, Rule>>();
  readonly #changed = new Set<number>();
  #default: 'allow' | 'deny' = 'deny';
  #topChanged = true;

  constructor(namePrefix: string, lists: CidrLists) {
    this.chain = `${namePrefix}egress`;
    this.#prefix = `${namePrefix}b-`;
    this.#tree = new DispatchTree({ chainPrefix: `${namePrefix}e-`, match: 'destination' });
    this.#lists = lists;
  }

  /** What happens where no rule matches. A change of it writes every rule anew. */
  setDefault(egressDefault: 'allow' | 'deny'): void {
    if (egressDefault === this.#default) return;
    this.#default = egressDefault;
    this.#topChanged = true;
    for (const [id, { rule }] of [...this.#entries]) this.put(id, rule);
  }

  /** Adds or replaces a rule. */
  put(id: string, rule: EgressRule): void {
    const lists = joinMatches(this.#lists.retain(rule.sources, 'src'), this.#lists.retain(rule.destinations, 'dst'));
    this.remove(id);
    const match = joinMatches(protocolMatch(rule), lists);
    const line: Rule = { match, target: { kind: this.#default === 'deny' ? 'ACCEPT' : 'DROP' } };
    this.#entries.set(id, { rule, line });
    const { protocol, ports } = rule;
    if (ports === undefined) this.#putInBucket(bucketOf(id) % bucketCount, id, line);
    else this.#tree.put(id, { address: anyAddress, protocol, ports }, [line]);
  }

  #putInBucket(number: number, id: string, line: Rule): void {
    const bucket = this.#buckets.get(number) ?? new Map<string, Rule>();
    if (bucket.size === 0) this.#topChanged = true;
    this.#buckets.set(number, bucket);
    bucket.set(id, line);
    this.#changed.add(number);
  }

  /** Takes a rule out and answers with it; undefined where there was none. */
  remove(id: string): EgressRule | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#lists.release(entry.rule.sources);
    this.#lists.release(entry.rule.destinations);
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
    return `${this.#prefix}${String(number).padStart(2, '0')}`;
  }

  #top(): Chain {
    const buckets = [...this.#buckets.keys()].sort((a, b) => a - b);
    return {
      rules: [
        { match: {}, target: { kind: 'jump', chain: this.#tree.root } },
        ...buckets.map((number): Rule => ({ match: {}, target: { kind: 'jump', chain: this.#bucketName(number) } })),
        { match: {}, target: { kind: this.#default === 'deny' ? 'DROP' : 'ACCEPT' } },
      ],
    };
  }

  #bucketChain(number: number): Chain | null {
    const bucket = this.#buckets.get(number);
    if (bucket === undefined) return null;
    const ids = [...bucket.keys()].sort();
    return { rules: ids.flatMap((id) => bucket.get(id) ?? []) };
  }

  chains(): ReadonlyMap<string, Chain> {
    const chains = new Map<string, Chain>([[this.chain, this.#top()]]);
    for (const number of this.#buckets.keys()) {
      const chain = this.#bucketChain(number);
      if (chain !== null) chains.set(this.#bucketName(number), chain);
    }
    for (const [name, chain] of this.#tree.chains()) chains.set(name, withoutAddress(chain));
    return chains;
  }

  takeChanges(): ReadonlyMap<string, Chain | null> {
    const changes = new Map<string, Chain | null>();
    if (this.#topChanged) changes.set(this.chain, this.#top());
    for (const number of this.#changed) changes.set(this.#bucketName(number), this.#bucketChain(number));
    for (const [name, chain] of this.#tree.takeChanges()) {
      changes.set(name, chain === null ? null : withoutAddress(chain));
    }
    this.#topChanged = false;
    this.#changed.clear();
    return changes;
  }
}
