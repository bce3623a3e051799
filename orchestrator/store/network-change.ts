import type { CollectionName } from '@isthmus/contract';
import type { Db, Trx } from './database.ts';

/**
 * Notes, in the transaction that changes a row, that an entry of its network's document has to be compiled again.
 * `settings` stands for every section's settings; '*' for every entry of a collection.
 */
export async function touch(
  db: Db | Trx,
  networkId: string,
  collection: CollectionName | 'settings',
  entryId: string,
): Promise<void> {
  await db.insertInto('network_change').values({ network_id: networkId, collection, entry_id: entryId }).execute();
}
