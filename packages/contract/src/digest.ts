// The hash of a document: SHA-256 over the settings and over the bucket hashes of each collection, so that one changed
// entry costs one bucket, not the whole.
import { createHash } from 'node:crypto';
import { type CollectionName, collectionNames, type SectionName, sectionNames } from './router-document.ts';

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** JSON with the keys of every object in code-unit order: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`;
}

/** The hash of a document that is pushed whole, such as a console proxy's: 64 hexadecimal digits. */
export function wholeDocumentHash(document: unknown): string {
  return sha256(canonicalJson(document));
}

/** The bucket of an entry, 0 to 255: the first byte of the SHA-256 of its id. */
export function bucketOf(id: string): number {
  return createHash('sha256').update(id).digest()[0] as number;
}

interface Bucket {
  readonly entries: Map<string, string>;
  hash: string | null;
}

/** Keeps the hash of a document up to date under single changes. Shape of `value()`: 64 hexadecimal digits. */
export class DocumentDigest {
  readonly #settings = new Map<SectionName, string>();
  readonly #buckets = new Map<CollectionName, Map<number, Bucket>>();

  setSettings(section: SectionName, settings: unknown): void {
    this.#settings.set(section, sha256(canonicalJson(settings)));
  }

  setEntry(collection: CollectionName, id: string, entry: unknown): void {
    const buckets = this.#buckets.get(collection) ?? new Map<number, Bucket>();
    this.#buckets.set(collection, buckets);
    const number = bucketOf(id);
    const bucket = buckets.get(number) ?? { entries: new Map<string, string>(), hash: null };
    buckets.set(number, bucket);
    bucket.entries.set(id, sha256(canonicalJson(entry)));
    bucket.hash = null;
  }

  removeEntry(collection: CollectionName, id: string): void {
    const buckets = this.#buckets.get(collection);
    const number = bucketOf(id);
    const bucket = buckets?.get(number);
    if (buckets === undefined || bucket === undefined) return;
    bucket.entries.delete(id);
    bucket.hash = null;
    if (bucket.entries.size === 0) buckets.delete(number);
  }

  /** Hash of each bucket that holds an entry, by number. */
  bucketHashes(collection: CollectionName): Map<number, string> {
    const hashes = new Map<number, string>();
    for (const [number, bucket] of this.#buckets.get(collection) ?? []) hashes.set(number, hashOf(bucket));
    return hashes;
  }

  value(): string {
    const sections = sectionNames.map((name) => `${name} ${this.#settings.get(name) ?? '-'}`);
    const collections = collectionNames.map((name) => {
      const hashes = [...this.bucketHashes(name)].sort(([a], [b]) => a - b);
      return `${name} ${hashes.map(([number, hash]) => `${number}:${hash}`).join(' ')}`;
    });
    return sha256([...sections, ...collections].join('\n'));
  }
}

function hashOf(bucket: Bucket): string {
  bucket.hash ??= sha256(
    [...bucket.entries]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, hash]) => `${id} ${hash}`)
      .join('\n'),
  );
  return bucket.hash;
}
