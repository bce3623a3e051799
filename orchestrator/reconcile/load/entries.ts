// What a loader of a collection's entries is.
import { type RawBuilder, sql } from 'kysely';
import type { Sealer } from '../../pki/sealer.ts';
import type { Trx } from '../../store/database.ts';

/** Entries by id; null where the row is wanted gone. Ids without a row are absent. */
export type Entries = ReadonlyMap<string, unknown>;

/** Reads the rows of one collection of a network and compiles them: of these ids, or with null of all rows. */
export type Loader = (
  trx: Trx,
  networkId: string,
  ids: readonly string[] | null,
  /** Opens what rows hold sealed. */
  sealer: Sealer,
) => Promise<Entries>;

/** True for the rows of these ids; null: of every row. */
export function among(column: string, ids: readonly string[] | null): RawBuilder<boolean> {
  return ids === null ? sql<boolean>`true` : sql<boolean>`${sql.ref(column)} = any(${ids}::uuid[])`;
}
