// Further addresses of NICs, which static NAT and port forwards may lead to.
import { type Kysely, sql } from 'kysely';

const statements = [
  `create table nic_secondary_address (
    id uuid primary key default gen_random_uuid(),
    nic_id uuid not null references nic (id) on delete cascade,
    network_id uuid not null references network (id),
    address text not null,
    created timestamptz not null default now(),
    unique (network_id, address)
  )`,
  'create index nic_secondary_address_nic on nic_secondary_address (nic_id)',
  // Null: the NIC's own.
  'alter table port_forwarding_rule add column private_address text',
  'alter table public_ip_address add column static_nat_private_address text',
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
