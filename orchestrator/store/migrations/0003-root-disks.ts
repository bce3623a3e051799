import { type Kysely, sql } from 'kysely';

const statements = [
  'alter table virtual_machine add column root_disk_bytes bigint',
  'alter table host add column guest_mtu integer',
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
