// From what commands noted (network_change) to the next generation of a router's document (router_entry).
import {
  type CollectionName,
  canonicalJson,
  collectionNames,
  DocumentDigest,
  type Identity,
  type SectionName,
  sectionNames,
} from '@isthmus/contract';
import { sql } from 'kysely';
import type { Sealer } from '../pki/sealer.ts';
import type { Db, Trx } from '../store/database.ts';
import { loaders, loadSettings } from './load/index.ts';
import { openedEntry, storedEntry } from './sealed-entry.ts';

/** The collection of router_entry that holds the settings, by section. */
export const settingsCollection = 'settings' as const;

/** Changes by which all of a document is compiled. */
const everything = [settingsCollection, ...collectionNames].map((collection) => ({ collection, entry_id: '*' }));

interface CachedDigest {
  readonly generation: number;
  readonly digest: DocumentDigest;
}

/** Compiles the changes of one router at a time; the caller holds the router's lease. */
export class ChangeCompiler {
  readonly #db: Db;
  // Digests of the documents that this process compiled last; one made elsewhere since is found out by its generation.
  readonly #digests = new Map<string, CachedDigest>();

  readonly #sealer: Sealer;

  constructor(db: Db, sealer: Sealer) {
    this.#db = db;
    this.#sealer = sealer;
  }

  /**
   * Compiles everything noted for a network and answers with the identity of the document that results. `what: 'whole'`:
   * and everything else, since an older release may have compiled it, which knew less.
   */
  async compile(networkId: string, routerId: string, what: 'changes' | 'whole' = 'changes'): Promise<Identity> {
    return this.#db
      .transaction()
      .execute(async (trx) => {
        const document = await trx
          .selectFrom('router_document')
          .selectAll()
          .where('router_id', '=', routerId)
          .forUpdate()
          .executeTakeFirstOrThrow();
        const current = { epoch: document.epoch, generation: document.generation, hash: document.hash };
        const changes = await trx
          .selectFrom('network_change')
          .selectAll()
          .where('network_id', '=', networkId)
          .execute();
        const wanted = what === 'whole' ? everything : changes;
        if (wanted.length === 0) return current;
        const changed = await this.#changedEntries(trx, networkId, routerId, wanted);
        await trx
          .deleteFrom('network_change')
          .where('sequence', '=', sql<string>`any(${changes.map(({ sequence }) => sequence)})`)
          .execute();
        if (changed.length === 0) return current;
        const generation = document.generation + 1;
        const digest = await this.#digest(trx, routerId, document.generation);
        for (const { collection, id, entry } of changed) set(digest, collection, id, entry);
        const hash = digest.value();
        await this.#store(trx, routerId, generation, changed);
        await trx.updateTable('router_document').set({ generation, hash }).where('router_id', '=', routerId).execute();
        this.#digests.set(routerId, { generation, digest });
        return { epoch: document.epoch, generation, hash };
      })
      .catch((error: unknown) => {
        // The digest may hold changes of a transaction that was rolled back.
        this.#digests.delete(routerId);
        throw error;
      });
  }

  /** Forgets what is cached of a router that is gone. */
  forget(routerId: string): void {
    this.#digests.delete(routerId);
  }

  async #changedEntries(
    trx: Trx,
    networkId: string,
    routerId: string,
    changes: readonly { collection: string; entry_id: string }[],
  ): Promise<ChangedEntry[]> {
    const wanted: ChangedEntry[] = [];
    if (changes.some(({ collection }) => collection === settingsCollection)) {
      for (const [id, entry] of Object.entries(await loadSettings(trx, networkId, routerId))) {
        wanted.push({ collection: settingsCollection, id, entry });
      }
    }
    for (const collection of collectionNames) {
      const ids = new Set(
        changes.filter((change) => change.collection === collection).map((change) => change.entry_id),
      );
      if (ids.size === 0) continue;
      const whole = ids.has('*');
      const loaded = await loaders[collection](trx, networkId, whole ? null : [...ids], this.#sealer);
      if (whole) for (const id of await this.#storedIds(trx, routerId, collection)) ids.add(id);
      for (const id of loaded.keys()) ids.add(id);
      ids.delete('*');
      for (const id of ids) wanted.push({ collection, id, entry: loaded.get(id) ?? null });
    }
    return this.#withoutEqual(trx, routerId, wanted);
  }

  async #storedIds(trx: Trx, routerId: string, collection: string): Promise<string[]> {
    const rows = await trx
      .selectFrom('router_entry')
      .select('entry_id')
      .where('router_id', '=', routerId)
      .where('collection', '=', collection)
      .where('entry', 'is not', null)
      .execute();
    return rows.map(({ entry_id }) => entry_id);
  }

  /** Leaves out what the document says already. */
  async #withoutEqual(trx: Trx, routerId: string, wanted: readonly ChangedEntry[]): Promise<ChangedEntry[]> {
    if (wanted.length === 0) return [];
    const stored = await trx
      .selectFrom('router_entry')
      .select(['collection', 'entry_id', 'entry'])
      .where('router_id', '=', routerId)
      .where('entry_id', '=', sql<string>`any(${wanted.map(({ id }) => id)})`)
      .execute();
    const texts = new Map(
      stored.map((row) => [
        `${row.collection} ${row.entry_id}`,
        canonicalJson(openedEntry(this.#sealer, row.collection, row.entry)),
      ]),
    );
    return wanted.filter(
      ({ collection, id, entry }) => (texts.get(`${collection} ${id}`) ?? 'null') !== canonicalJson(entry),
    );
  }

  async #store(trx: Trx, routerId: string, generation: number, changed: readonly ChangedEntry[]): Promise<void> {
    // One statement for any number of entries: three arrays, zipped by the database.
    await sql`
      insert into router_entry (router_id, collection, entry_id, generation, entry)
      select ${routerId}::uuid, collection, entry_id, ${generation}, entry
      from unnest(${changed.map(({ collection }) => collection)}::text[], ${changed.map(({ id }) => id)}::text[],
        ${changed.map(({ collection, entry }) => (entry === null ? null : storedEntry(this.#sealer, collection, entry)))}::jsonb[])
        as changed (collection, entry_id, entry)
      on conflict (router_id, collection, entry_id)
      do update set generation = excluded.generation, entry = excluded.entry`.execute(trx);
  }

  async #digest(trx: Trx, routerId: string, generation: number): Promise<DocumentDigest> {
    const cached = this.#digests.get(routerId);
    if (cached?.generation === generation) return cached.digest;
    const rows = await trx
      .selectFrom('router_entry')
      .select(['collection', 'entry_id', 'entry'])
      .where('router_id', '=', routerId)
      .where('entry', 'is not', null)
      .execute();
    const digest = new DocumentDigest();
    for (const row of rows) {
      set(digest, row.collection, row.entry_id, openedEntry(this.#sealer, row.collection, row.entry));
    }
    return digest;
  }
}

interface ChangedEntry {
  readonly collection: CollectionName | typeof settingsCollection;
  readonly id: string;
  /** Null: gone. */
  readonly entry: unknown;
}

function set(digest: DocumentDigest, collection: string, id: string, entry: unknown): void {
  if (collection === settingsCollection) digest.setSettings(section(id), entry);
  else if (entry === null) digest.removeEntry(collectionNamed(collection), id);
  else digest.setEntry(collectionNamed(collection), id, entry);
}

function section(name: string): SectionName {
  const found = sectionNames.find((each) => each === name);
  if (found === undefined) throw new Error(`router_entry has settings of an unknown section ${name}`);
  return found;
}

/** The collection of a router_entry row. Throws on a name that this release does not know. */
export function collectionNamed(name: string): CollectionName {
  const found = collectionNames.find((each) => each === name);
  if (found === undefined) throw new Error(`router_entry has an entry of an unknown collection ${name}`);
  return found;
}
