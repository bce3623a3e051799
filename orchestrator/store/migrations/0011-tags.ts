// Tags of resources. A resource's tags go with it: a trigger on every table that can be tagged sees to it.
import { type Kysely, sql } from 'kysely';

const taggable = [
  'virtual_machine',
  'network',
  'public_ip_address',
  'firewall_rule',
  'port_forwarding_rule',
  'load_balancer_rule',
  'template',
];

const statements = [
  `create table resource_tag (
    id uuid primary key default gen_random_uuid(),
    resource_type text not null,
    resource_id uuid not null,
    key text not null,
    value text not null,
    customer text,
    account_id uuid not null references account (id) on delete cascade,
    domain_id uuid not null references domain (id) on delete cascade,
    created timestamptz not null default now(),
    unique (resource_id, key)
  )`,
  'create index resource_tag_account on resource_tag (account_id)',
  'create index resource_tag_key on resource_tag (key, value)',
  `create function forget_tags() returns trigger language plpgsql as $$
  begin
    delete from resource_tag where resource_id = old.id;
    return old;
  end $$`,
  ...taggable.map(
    (table) => `create trigger forget_tags after delete on ${table} for each row execute function forget_tags()`,
  ),
  // An address outlives its owner: its row stays, and is free.
  `create trigger forget_tags_of_free after update of state on public_ip_address for each row
    when (new.state = 'Free' and old.state <> 'Free') execute function forget_tags()`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
