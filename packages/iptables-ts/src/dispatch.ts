import { ipv4FromNumber, ipv4Network } from '@isthmus/net';
import { sameChain } from './diff.ts';
import {
  type DispatchKey,
  DispatchNode,
  type NodeKind,
  portSpace,
  spaceName,
  walk,
  wholeSpace,
} from './dispatch-node.ts';
import type { Chain, Family, Match, Rule } from './model.ts';

export type { DispatchKey } from './dispatch-node.ts';

/** How a tree names its chains and reads packets. */
export interface DispatchOptions<F extends Family = 4> {
  /** At most 9 characters; no other chain's name starts with it. */
  readonly chainPrefix: string;
  /** Which address of the packet the keys' address is; `none`: keys have none, the tree sorts by protocol and port. */
  readonly match: { readonly 4: 'destination' | 'source' | 'none'; readonly 6: 'none' }[F];
  /** A node with at most so many entries is one chain. Default 16. */
  readonly leafSize?: number;
}

interface Entry<F extends Family> {
  readonly key: DispatchKey;
  readonly rules: readonly Rule<F>[];
}

/** The most chains that a packet passes one below the other, the root among them. */
export const maxDispatchDepth = 12;

function bucketName(chain: string, number: number): string {
  return `${chain}b${number.toString(16).padStart(2, '0')}`;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function checkKey({ address, protocol, ports }: DispatchKey, match: DispatchOptions['match']): void {
  if ((address === undefined) !== (match === 'none')) {
    throw new RangeError(
      `a dispatch key ${address === undefined ? 'has no' : 'has an'} address in a tree of match ${match}`,
    );
  }
  if (ports !== undefined && protocol !== 'tcp' && protocol !== 'udp') {
    throw new RangeError(`a dispatch key of protocol ${protocol} has ports: expected tcp or udp`);
  }
}

/**
 * A search tree of chains: which of many entries, each about one address and perhaps a range of ports, a packet belongs
 * to. A base chain jumps to `root`; where no rule decides, the packet goes on behind that jump.
 *
 * - Address bits are cut at 8, 16, 20, 24, 28, 32, port bits at 4, 8, 12, 16. A node with at most `leafSize` entries is
 *   one chain with all their rules; one with a single child and no rules of its own gets no chain. At most 12 chains
 *   nest (the kernel allows 15), whatever the content.
 * - An entry whose ports cover a child of a node is kept at the node, before the way to the children; one that only
 *   straddles a border is kept on both sides. So each entry stands in at most two chains.
 * - Where a node keeps more than `leafSize` entries for itself (many with one key, or with wide ranges), these stand in
 *   128 chains by a hash of their ids, so that a change stays small. Nothing can shorten the walk through them.
 * - Within a chain entries stand in the order of their ids (by code unit). Between chains the order is not promised:
 *   two entries that could both decide a packet have to agree on it.
 * - The chains follow from the entries alone, whatever the order of `put` and `remove`. One change touches the chains
 *   on one path, and usually one chain.
 */
export class DispatchTree<F extends Family = 4> {
  /** The chain to jump to. */
  readonly root: string;
  readonly #prefix: string;
  readonly #match: DispatchOptions['match'];
  readonly #leafSize: number;
  readonly #top: DispatchNode;
  readonly #entries = new Map<string, Entry<F>>();
  readonly #chains = new Map<string, Chain<F>>();
  /** Chains as they were at the last `takeChanges`, where they have changed since. */
  readonly #taken = new Map<string, Chain<F> | null>();

  /** Throws RangeError where the prefix is too long or the leaf size is not a whole number from 1. */
  constructor({ chainPrefix, match, leafSize = 16 }: DispatchOptions<F>) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,8}$/.test(chainPrefix)) {
      throw new RangeError(`chainPrefix ${JSON.stringify(chainPrefix)}: expected 1 to 9 letters, digits, _ . or -`);
    }
    if (!Number.isInteger(leafSize) || leafSize < 1) {
      throw new RangeError(`leafSize ${leafSize}: expected a whole number from 1`);
    }
    this.root = `${chainPrefix}root`;
    this.#prefix = chainPrefix;
    this.#match = match;
    this.#leafSize = leafSize;
    this.#top = new DispatchNode(match === 'none' ? portSpace : wholeSpace);
  }

  /** Adds or replaces an entry. The rules carry their own exact matches. Throws RangeError on a key that does not fit. */
  put(id: string, key: DispatchKey, rules: readonly Rule<F>[]): void {
    checkKey(key, this.#match);
    this.remove(id);
    this.#entries.set(id, { key, rules });
    walk(this.#top, key, (node, kept) => {
      node.count += 1;
      node.dirty = true;
      if (kept) node.own.add(id);
    });
  }

  /** Takes an entry out; an id that is not there is no error. */
  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    walk(this.#top, entry.key, (node, kept) => {
      node.count -= 1;
      node.dirty = true;
      if (kept) node.own.delete(id);
    });
  }

  /** Every chain of the tree; the root is always among them. A view that later calls change. */
  chains(): ReadonlyMap<string, Chain<F>> {
    this.#refresh(this.#top, true);
    return this.#chains;
  }

  /** Chains that changed since the last call (null: gone). The first call answers with everything. */
  takeChanges(): ReadonlyMap<string, Chain<F> | null> {
    this.#refresh(this.#top, true);
    const changes = new Map<string, Chain<F> | null>();
    for (const [name, before] of this.#taken) {
      const now = this.#chains.get(name) ?? null;
      const isSame = now === null || before === null ? now === before : sameChain(now, before);
      if (!isSame) changes.set(name, now);
    }
    this.#taken.clear();
    return changes;
  }

  #nameOf(node: DispatchNode): string {
    return node === this.#top ? this.root : `${this.#prefix}${spaceName(node.space)}`;
  }

  #kindOf(node: DispatchNode, isReached: boolean): NodeKind {
    if (node === this.#top) return node.count <= this.#leafSize ? 'leaf' : 'inner';
    if (!isReached || node.count === 0) return 'none';
    if (node.count <= this.#leafSize) return 'leaf';
    if (node.own.size > 0) return 'inner';
    let filled = 0;
    for (const child of node.children.values()) if (child.count > 0) filled += 1;
    return filled === 1 ? 'open' : 'inner';
  }

  #refresh(node: DispatchNode, isReached: boolean): void {
    if (!node.dirty && isReached === (node.kind !== 'none')) return;
    const kind = this.#kindOf(node, isReached);
    for (const [key, child] of node.children) {
      this.#refresh(child, kind === 'inner' || kind === 'open');
      if (child.count === 0) node.children.delete(key);
    }
    node.kind = kind;
    node.dirty = false;
    this.#emit(node);
  }

  #emit(node: DispatchNode): void {
    const name = this.#nameOf(node);
    const hasChain = node.kind === 'leaf' || node.kind === 'inner';
    const hasBuckets = node.kind === 'inner' && node.own.size > this.#leafSize;
    for (const number of node.own.takeChanged(hasBuckets)) {
      const ids = hasBuckets ? node.own.buckets.get(number) : undefined;
      this.#replace(bucketName(name, number), ids === undefined ? null : { rules: this.#entryRules(ids) });
    }
    this.#replace(name, hasChain ? { rules: this.#rulesOf(node) } : null);
  }

  #replace(name: string, after: Chain<F> | null): void {
    const before = this.#chains.get(name) ?? null;
    if (after === before || (after !== null && before !== null && sameChain(after, before))) return;
    if (!this.#taken.has(name)) this.#taken.set(name, before);
    if (after === null) this.#chains.delete(name);
    else this.#chains.set(name, after);
  }

  #rulesOf(node: DispatchNode): readonly Rule<F>[] {
    if (node.kind === 'leaf') return this.#entryRules(this.#idsBelow(node, new Set()));
    const ways = node.sortedChildren().map((child) => this.#edge(node, this.#standIn(child)));
    return [...this.#ownRules(node), ...ways];
  }

  #ownRules(node: DispatchNode): readonly Rule<F>[] {
    if (!node.own.areChains) return this.#entryRules(new Set(node.own.ids()));
    const name = this.#nameOf(node);
    return node.own
      .numbers()
      .map((number) => ({ match: {}, target: { kind: 'jump', chain: bucketName(name, number) } }));
  }

  #entryRules(ids: ReadonlySet<string>): Rule<F>[] {
    return [...ids].sort(byCodeUnit).flatMap((id) => this.#entries.get(id)?.rules ?? []);
  }

  #idsBelow(node: DispatchNode, ids: Set<string>): Set<string> {
    for (const id of node.own.ids()) ids.add(id);
    for (const child of node.children.values()) this.#idsBelow(child, ids);
    return ids;
  }

  /** The node whose chain stands for a node: itself, or the only one below it that has a chain. */
  #standIn(node: DispatchNode): DispatchNode {
    if (node.kind !== 'open') return node;
    const [child = node] = node.children.values();
    return this.#standIn(child);
  }

  /** The goto from one node's chain to another's, with only the matches that the way so far has not made. */
  #edge(from: DispatchNode, to: DispatchNode): Rule<F> {
    const isFromAbove = from.space.addressBits < to.space.addressBits;
    const known = isFromAbove ? to.edges.fromAbove : to.edges.fromWithin;
    // The way down names an address only in a tree of IPv4; without one it is the same in both families.
    if (known !== undefined) return known as Rule<F>;
    const { address, addressBits, protocol, port, portBits } = to.space;
    const match: Match = {
      ...(isFromAbove && this.#match !== 'none'
        ? { [this.#match]: ipv4Network(ipv4FromNumber(address), addressBits) }
        : {}),
      ...(protocol === undefined
        ? {}
        : { protocol, destinationPorts: { first: Math.max(1, port), last: port + 2 ** (16 - portBits) - 1 } }),
    };
    const rule: Rule<Family> = { match, target: { kind: 'goto', chain: this.#nameOf(to) } };
    to.edges[isFromAbove ? 'fromAbove' : 'fromWithin'] = rule;
    return rule as Rule<F>;
  }
}
