// Entries that hold secrets lie sealed in the database.
import { type CollectionName, secretCollections } from '@isthmus/contract';
import type { Sealer } from '../pki/sealer.ts';

const isSecret = (collection: string) => (secretCollections as ReadonlySet<string>).has(collection);

/** An entry as the row of router_entry holds it, in JSON. */
export function storedEntry(sealer: Sealer, collection: CollectionName | 'settings', entry: unknown): string {
  const text = JSON.stringify(entry);
  return isSecret(collection) ? JSON.stringify({ sealed: sealer.seal(text) }) : text;
}

/** The entry of a row of router_entry; null: gone. Throws SealedTextError. */
export function openedEntry(sealer: Sealer, collection: string, stored: unknown): unknown {
  if (stored === null || !isSecret(collection)) return stored;
  return JSON.parse(sealer.open((stored as { sealed: string }).sealed));
}
