import type { Selectable } from 'kysely';
import type { Db } from '../store/database.ts';
import type { Database } from '../store/schema.ts';
import type { EntityName } from './entities.ts';

/** Rows of a table by id, read once for all the ids of a page. Nulls among the ids are passed over. */
export async function rowsById<Name extends EntityName>(
  db: Db,
  table: Name,
  ids: readonly (string | null)[],
): Promise<ReadonlyMap<string, Selectable<Database[Name]>>> {
  const wanted = [...new Set(ids.filter((id) => id !== null))];
  if (wanted.length === 0) return new Map();
  const rows = await db
    .selectFrom(table as EntityName)
    .selectAll()
    .where('id', 'in', wanted)
    .execute();
  return new Map(rows.map((row) => [row.id, row as unknown as Selectable<Database[Name]>]));
}
