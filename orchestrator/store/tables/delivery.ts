// Tables of what routers are to serve, what of it has changed, and who brings it to them. Columns are described where they are made: migrations/.
import type { Generated } from 'kysely';
import type { Json } from './columns.ts';

/** The document that a router is to serve, and how far it is: one row a router. */
export interface RouterDocumentTable {
  router_id: string;
  epoch: string;
  generation: number;
  hash: string;
  acknowledged_epoch: string | null;
  acknowledged_generation: Generated<number>;
  acknowledged_hash: string | null;
}

/**
 * Compiled entries of each router's document; a removed one stays as a tombstone (`entry` null) until acknowledged. The
 * settings of a section are the entry of collection `settings` that bears the section's name.
 */
export interface RouterEntryTable {
  router_id: string;
  collection: string;
  entry_id: string;
  /** The generation in which it last changed. */
  generation: number;
  entry: Json<unknown> | null;
}

/** What has to be compiled again: written in the transaction that changed a row, removed when it is compiled. */
export interface NetworkChangeTable {
  sequence: Generated<string>;
  network_id: string;
  /** `settings`, or a collection of the document. */
  collection: string;
  /** The entry's id; '*' for all of the collection. */
  entry_id: string;
}

/** Who works on an appliance (or does a periodic task) now. `token` grows with each holder: the fencing token. */
export interface LeaseTable {
  name: string;
  holder: string;
  token: number;
  expires: Date;
}

export interface DeliveryTables {
  router_document: RouterDocumentTable;
  router_entry: RouterEntryTable;
  network_change: NetworkChangeTable;
  lease: LeaseTable;
}
