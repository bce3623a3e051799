// Further DHCP options of NICs and of networks, each by its code, with its value as its tenant gave it.
import { type Kysely, sql } from 'kysely';

const statements = [
  `create table nic_dhcp_option (
    nic_id uuid not null references nic (id) on delete cascade,
    code integer not null check (code between 1 and 254),
    value text not null,
    primary key (nic_id, code)
  )`,
  `create table network_dhcp_option (
    network_id uuid not null references network (id) on delete cascade,
    code integer not null check (code between 1 and 254),
    value text not null,
    primary key (network_id, code)
  )`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
