import { type Kysely, sql } from 'kysely';

const owned = `account_id uuid not null references account on delete cascade, domain_id uuid not null references domain,
  created timestamptz not null default now(), unique (account_id, name)`;

const statements = [
  // The private key of a pair that was created is answered once and kept nowhere.
  `create table ssh_key_pair (id uuid primary key default gen_random_uuid(), name text not null,
    public_key text not null, fingerprint text not null, ${owned}, unique (account_id, fingerprint))`,
  `create table user_data (id uuid primary key default gen_random_uuid(), name text not null,
    data text not null, params text not null default '', ${owned})`,
  // Names and keys as they were when they were given: a pair that is deleted takes nobody's way in.
  `alter table virtual_machine
    add column key_pair_names text[] not null default '{}',
    add column public_keys text[] not null default '{}',
    add column user_data_id uuid references user_data,
    add column user_data_details jsonb,
    add column sealed_password text,
    add column password_version uuid`,
  'create index virtual_machine_user_data on virtual_machine (user_data_id) where user_data_id is not null',
  'create index virtual_machine_password on virtual_machine (id) where sealed_password is not null',
  `alter table template
    add column password_enabled boolean not null default false,
    add column ssh_key_enabled boolean not null default false,
    add column user_data_id uuid references user_data,
    add column user_data_policy text check (user_data_policy in ('ALLOWOVERRIDE', 'APPEND', 'DENYOVERRIDE'))`,
];

/** SSH keys, user data that is kept under a name, passwords of instances. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
