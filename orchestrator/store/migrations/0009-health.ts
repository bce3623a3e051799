// Health checks of routers, alerts, replacements after failed checks, and bundles of diagnostics that may be fetched.
import { type Kysely, sql } from 'kysely';

const statements = [
  `create table router_health (
    router_id uuid not null references router (id) on delete cascade,
    name text not null,
    kind text not null check (kind in ('basic', 'advanced')),
    status text not null check (status in ('SUCCESS', 'FAILURE', 'WARNING', 'UNKNOWN')),
    detail text not null,
    checked_at timestamptz not null,
    failures integer not null default 0,
    primary key (router_id, name)
  )`,
  "create index router_health_failed on router_health (router_id) where status = 'FAILURE'",
  // By network: the router that failed is gone.
  `create table router_recreation (
    network_id uuid primary key references network (id) on delete cascade,
    attempts integer not null,
    last timestamptz not null
  )`,
  // No references: an alert outlives what it is about.
  `create table alert (
    id uuid primary key default gen_random_uuid(),
    type integer not null,
    name text not null,
    description text not null,
    resource_id uuid,
    zone_id uuid,
    pod_id uuid,
    sent_count integer not null default 1,
    created timestamptz not null default now(),
    last_sent timestamptz not null default now(),
    resolved timestamptz,
    archived boolean not null default false
  )`,
  'create index alert_last_sent on alert (last_sent)',
  // One alert a kind and resource while it lasts.
  'create unique index alert_lasting on alert (type, resource_id) where resolved is null and resource_id is not null',
  // token_hash: SHA-256 of the token of the link, in hexadecimal.
  `create table diagnostics_bundle (
    token_hash text primary key,
    router_id uuid,
    file text not null unique,
    bytes integer not null,
    created timestamptz not null default now(),
    expires timestamptz not null
  )`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
