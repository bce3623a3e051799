// The document in memory and its digest, changed in place: a change costs what it touches, not what the document holds.
import {
  type CollectionName,
  canonicalJson,
  collectionNames,
  DocumentDigest,
  type Identity,
  type Push,
  type RouterDocument,
  type RouterEntry,
  type RouterSettings,
  type SectionName,
  sectionNames,
} from '@isthmus/contract';
import type { DocumentChange, EntryChange } from '@isthmus/router';

type Entries = Record<CollectionName, Map<string, RouterEntry>>;
type Changes = Record<CollectionName, EntryChange[]>;

/** A change that stands in the document until it is undone. */
export interface AppliedChange {
  /** Sections and entries that differ from before. */
  readonly sections: ReadonlySet<SectionName>;
  readonly entries: DocumentChange['entries'];
  /** Puts document and digest back. Only the latest change may be undone. */
  undo(): void;
}

function perCollection<Value>(make: (name: CollectionName) => Value): Record<CollectionName, Value> {
  return Object.fromEntries(collectionNames.map((name) => [name, make(name)])) as Record<CollectionName, Value>;
}

function equal(a: unknown, b: unknown): boolean {
  return a === b || (a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b));
}

export class LiveDocument {
  #settings: Partial<RouterSettings> = {};
  readonly #entries: Entries = perCollection(() => new Map<string, RouterEntry>());
  #digest = new DocumentDigest();

  /** A view of the document, never a copy: it changes with `apply` and `undo`. Empty sections are absent before the first push. */
  get view(): RouterDocument {
    return { settings: this.#settings, entries: this.#entries } as unknown as RouterDocument;
  }

  /** The DocumentDigest's value. */
  get hash(): string {
    return this.#digest.value();
  }

  /** Makes the document what a push that passed pushFaults says. A full push removes what it does not name. */
  apply(push: Pick<Push, 'base' | 'settings' | 'entries'>): AppliedChange {
    const settingsBefore = this.#settings;
    const sections = new Set(
      sectionNames.filter(
        (name) => push.settings[name] !== undefined && !equal(push.settings[name], settingsBefore[name]),
      ),
    );
    const entries = perCollection((name) => this.#changesOf(name, push));
    this.#settings = { ...settingsBefore, ...push.settings };
    for (const section of sections) this.#digest.setSettings(section, push.settings[section]);
    this.#move(entries, 'after');
    return {
      sections,
      entries: entries as unknown as DocumentChange['entries'],
      undo: () => {
        this.#settings = settingsBefore;
        this.#move(entries, 'before');
        if ([...sections].some((section) => settingsBefore[section] === undefined)) this.#recount();
        else for (const section of sections) this.#digest.setSettings(section, settingsBefore[section]);
      },
    };
  }

  /** The change from an empty document to this one. */
  whole(): Pick<AppliedChange, 'sections' | 'entries'> {
    const sections = new Set(sectionNames.filter((name) => this.#settings[name] !== undefined));
    const entries = perCollection((name) =>
      [...this.#entries[name]].map(([id, after]): EntryChange => ({ id, after })),
    );
    return { sections, entries: entries as unknown as DocumentChange['entries'] };
  }

  /** The document as a full push. */
  asPush(target: Identity, fencingToken: number): Push {
    const entries = perCollection((name) => ({ upsert: Object.fromEntries(this.#entries[name]), remove: [] }));
    return {
      fencingToken,
      base: null,
      target,
      settings: this.#settings,
      entries: entries as unknown as Push['entries'],
    };
  }

  #changesOf(name: CollectionName, push: Pick<Push, 'base' | 'entries'>): EntryChange[] {
    const current = this.#entries[name];
    const upsert: Record<string, RouterEntry> = push.entries[name]?.upsert ?? {};
    const removed =
      push.base === null
        ? [...current.keys()].filter((id) => !Object.hasOwn(upsert, id))
        : (push.entries[name]?.remove ?? []);
    const changes: EntryChange[] = [];
    for (const id of new Set(removed)) {
      const before = current.get(id);
      if (before !== undefined) changes.push({ id, before });
    }
    for (const [id, after] of Object.entries(upsert)) {
      const before = current.get(id);
      if (before === undefined) changes.push({ id, after });
      else if (!equal(before, after)) changes.push({ id, before, after });
    }
    return changes;
  }

  #move(changes: Changes, to: 'before' | 'after'): void {
    for (const name of collectionNames) {
      for (const change of changes[name]) {
        const entry = change[to];
        if (entry === undefined) {
          this.#entries[name].delete(change.id);
          this.#digest.removeEntry(name, change.id);
        } else {
          this.#entries[name].set(change.id, entry);
          this.#digest.setEntry(name, change.id, entry);
        }
      }
    }
  }

  /** A digest cannot forget a section, so the undo of a document's first push counts anew. */
  #recount(): void {
    this.#digest = new DocumentDigest();
    for (const section of sectionNames) {
      const settings = this.#settings[section];
      if (settings !== undefined) this.#digest.setSettings(section, settings);
    }
    for (const name of collectionNames) {
      for (const [id, entry] of this.#entries[name]) this.#digest.setEntry(name, id, entry);
    }
  }
}
