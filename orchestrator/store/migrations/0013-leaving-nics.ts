// NICs whose removal has begun: nothing may lead to them any more.
import { type Kysely, sql } from 'kysely';

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table nic add column is_leaving boolean not null default false`.execute(db);
}
