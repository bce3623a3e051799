import { type Kysely, sql } from 'kysely';

const statements = [
  // A router that is being built beside the one that serves. `is_taking_over`: it was decided that it takes its place.
  `alter table router add column replaces uuid references router on delete set null,
    add column is_taking_over boolean not null default false`,
  // The agent in a VM, where an update may have brought a newer one than its image has.
  'alter table router add column software_version text, add column software_sha256 text',
  'create index router_replaces on router (network_id) where replaces is not null',
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
