import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw('alter table virtual_machine add column root_disk_bytes bigint').execute(db);
}
