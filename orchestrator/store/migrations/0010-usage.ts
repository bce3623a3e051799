// Accounting: what was read of each router's counters last, and the bytes that were added up.
import { type Kysely, sql } from 'kysely';

const statements = [
  `create table usage_reading (
    router_id uuid primary key references router (id) on delete cascade,
    epoch text not null,
    read_at timestamptz not null
  )`,
  // address: '' is the whole network's.
  `create table usage_counter (
    router_id uuid not null references router (id) on delete cascade,
    address text not null,
    sent_bytes bigint not null,
    received_bytes bigint not null,
    primary key (router_id, address)
  )`,
  // No references: a record outlives the network and the address that it is about.
  `create table usage_record (
    id uuid primary key default gen_random_uuid(),
    usage_type integer not null check (usage_type in (4, 5)),
    network_id uuid not null,
    network_name text not null,
    public_ip_address_id uuid,
    public_ip_address text not null default '',
    zone_id uuid not null,
    account_id uuid not null,
    domain_id uuid not null,
    bytes bigint not null,
    start_date timestamptz not null,
    end_date timestamptz not null,
    unique (network_id, public_ip_address, account_id, usage_type, start_date)
  )`,
  'create index usage_record_dates on usage_record (start_date)',
  'create index usage_record_account on usage_record (account_id, start_date)',
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
