import { type Kysely, sql } from 'kysely';

const statements = [
  // The CA: its private key is sealed with the installation's master key, which is not in the database.
  `create table certificate_authority (id uuid primary key default gen_random_uuid(), certificate text not null,
    sealed_private_key text not null, is_current boolean not null, created timestamptz not null default now())`,
  'create unique index one_current_certificate_authority on certificate_authority (is_current) where is_current',
  `create table certificate (serial_number text primary key, role text not null, subject_id text not null,
    certificate text not null, not_before timestamptz not null, not_after timestamptz not null, revoked timestamptz,
    created timestamptz not null default now())`,
  'create index certificate_subject on certificate (role, subject_id, not_after)',
  // A host that joins by token is told by its agent what it is; until then it is nobody.
  'alter table host alter column driver drop not null',
  `alter table host add column accelerator text, add column memory_free bigint, add column tunnel_address text,
    add column boot_id text, add column sealed_join_secret text, add column join_expires timestamptz,
    add column disconnected_since timestamptz, add column fenced timestamptz, add column reason text`,
  // CloudStack: out-of-band management, by which a host is fenced.
  `create table out_of_band_management (host_id uuid primary key references host on delete cascade, driver text not null,
    address text not null, port integer not null, username text not null, sealed_password text not null,
    is_enabled boolean not null default false, power_state text not null default 'Unknown',
    updated timestamptz not null default now())`,
  // Images of appliances and instances whose signature was verified. `manifest` as packages/image-manifest has it.
  `create table image (id uuid primary key default gen_random_uuid(), role text not null, version text not null,
    architecture text not null, manifest jsonb not null, directory text not null, disk_sha256 text not null,
    created timestamptz not null default now(), unique (role, architecture, disk_sha256))`,
  `alter table template add column image_id uuid references image, add column file_path text,
    add column disk_sha256 text, add column physical_size bigint, add column state text not null default 'Ready',
    add column reason text`,
  `alter table router add column image_id uuid references image, add column link_local_address text,
    add column bootstrapped boolean not null default false`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
