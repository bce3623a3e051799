// The entries that a node of the dispatch trie keeps for itself: any number, so cut into buckets by a hash of their ids.

/** So many buckets: at 10,000 entries about 78 in each, which is what one change writes anew. */
const bucketCount = 128;

/** FNV-1a over UTF-16 code units: the same bucket for an id in every process. */
function bucketOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 0x01000193);
  return (hash >>> 0) % bucketCount;
}

/** Ids in buckets, with the buckets that changed since they were last asked for. */
export class OwnEntries {
  readonly buckets = new Map<number, Set<string>>();
  size = 0;
  /** True while the buckets are chains of their own. */
  areChains = false;
  #changed = new Set<number>();

  add(id: string): void {
    const number = bucketOf(id);
    const bucket = this.buckets.get(number) ?? new Set<string>();
    if (!bucket.has(id)) this.size += 1;
    this.buckets.set(number, bucket.add(id));
    this.#changed.add(number);
  }

  delete(id: string): void {
    const number = bucketOf(id);
    const bucket = this.buckets.get(number);
    if (bucket?.delete(id) !== true) return;
    this.size -= 1;
    this.#changed.add(number);
    if (bucket.size === 0) this.buckets.delete(number);
  }

  /** Every id, in no order. */
  *ids(): Iterable<string> {
    for (const bucket of this.buckets.values()) yield* bucket;
  }

  /** Numbers of the buckets that are there, ascending. */
  numbers(): number[] {
    return [...this.buckets.keys()].sort((a, b) => a - b);
  }

  /** Buckets whose chain may differ, now that they are chains or not; from the next call on, only later changes. */
  takeChanged(areChains: boolean): number[] {
    const changed = new Set(this.#changed);
    if (areChains !== this.areChains) for (const number of this.buckets.keys()) changed.add(number);
    this.#changed.clear();
    const isToTell = areChains || this.areChains;
    this.areChains = areChains;
    return isToTell ? [...changed] : [];
  }
}
