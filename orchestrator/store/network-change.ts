import type { CollectionName } from '@isthmus/contract';
import { sql } from 'kysely';
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

/**
 * Notes that everything that is made of a NIC has to be compiled again: its lease, its names, its metadata, and the rules
 * that lead to it.
 */
export async function touchNic(db: Db | Trx, nic: { readonly id: string; readonly network_id: string }): Promise<void> {
  for (const collection of ['dhcp.hosts', 'dns.records', 'metadata.guests', 'metadata.passwords'] as const) {
    await touch(db, nic.network_id, collection, nic.id);
  }
  const rules = [
    ['port_forwarding_rule', 'nic_id', 'nat.portForwards'],
    ['public_ip_address', 'static_nat_nic_id', 'nat.staticNats'],
    ['load_balancer_member', 'nic_id', 'loadBalancing.members'],
  ] as const;
  for (const [table, column, collection] of rules) {
    await sql`insert into network_change (network_id, collection, entry_id)
      select network_id, ${collection}, id::text from ${sql.table(table)} where ${sql.ref(column)} = ${nic.id}`.execute(
      db,
    );
  }
}

/** Notes that the instance that a public address has, or loses, its static NAT to reads another public-ipv4. */
export async function touchGuestOfStaticNat(db: Db | Trx, publicIpAddressId: string): Promise<void> {
  await sql`insert into network_change (network_id, collection, entry_id)
    select network_id, 'metadata.guests', static_nat_nic_id::text from public_ip_address
    where id = ${publicIpAddressId} and network_id is not null and static_nat_nic_id is not null`.execute(db);
}

/** Notes that the settings of every network's document have to be compiled again: the monitor pushes them in turn. */
export async function touchEveryNetwork(db: Db | Trx): Promise<void> {
  await sql`insert into network_change (network_id, collection, entry_id)
    select network_id, 'settings', '*' from router group by network_id`.execute(db);
}
