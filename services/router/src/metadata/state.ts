// What each guest may read, by its address. In memory; kept up under single changes.
import type { MetadataGuest, MetadataPassword } from '@isthmus/contract';
import type { EntryChange } from '../service.ts';

interface Addressed {
  readonly address: string;
}

/** Entries of one collection, found by their guest's address. */
class ByAddress<Entry extends Addressed> {
  readonly #entries = new Map<string, Entry>();
  readonly #owners = new Map<string, string>();

  at(address: string): Entry | undefined {
    const id = this.#owners.get(address);
    return id === undefined ? undefined : this.#entries.get(id);
  }

  /** The id of the entry of an address. */
  owner(address: string): string | undefined {
    return this.#owners.get(address);
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  values(): Iterable<Entry> {
    return this.#entries.values();
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Puts entries, or with undefined takes them away, whatever was there. Answers with how to go back. */
  replace(wanted: ReadonlyMap<string, Entry | undefined>): ReadonlyMap<string, Entry | undefined> {
    const before = new Map<string, Entry | undefined>();
    for (const id of wanted.keys()) {
      const entry = this.#entries.get(id);
      before.set(id, entry);
      this.#entries.delete(id);
      // An address may have gone to another entry of the same change.
      if (entry !== undefined && this.#owners.get(entry.address) === id) this.#owners.delete(entry.address);
    }
    for (const [id, entry] of wanted) {
      if (entry === undefined) continue;
      this.#entries.set(id, entry);
      this.#owners.set(entry.address, id);
    }
    return before;
  }

  /** As `replace`; what `wanted` does not name goes as well. */
  become(wanted: ReadonlyMap<string, Entry>): ReadonlyMap<string, Entry | undefined> {
    const gone = [...this.#entries.keys()].map((id) => [id, undefined] as const);
    return this.replace(new Map<string, Entry | undefined>([...gone, ...wanted]));
  }
}

/** Everything that is served. */
export class MetadataState {
  readonly guests = new ByAddress<MetadataGuest>();
  readonly passwords = new ByAddress<MetadataPassword>();
}

/** Changed entries by id; undefined: gone. */
export function changed<Name extends 'metadata.guests' | 'metadata.passwords'>(
  changes: readonly EntryChange<Name>[],
): Map<string, EntryChange<Name>['after']> {
  return new Map(changes.map(({ id, after }) => [id, after]));
}
