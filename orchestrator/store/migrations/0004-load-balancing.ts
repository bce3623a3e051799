import { type Kysely, sql } from 'kysely';

const rule = `state text not null check (state in ('Add', 'Active', 'Revoke')), previous jsonb,
  account_id uuid not null references account, domain_id uuid not null references domain,
  created timestamptz not null default now()`;

const statements = [
  `create table ssl_certificate (id uuid primary key default gen_random_uuid(), name text not null,
    certificate text not null, chain text not null default '', sealed_private_key text not null,
    fingerprint text not null, names text[] not null, account_id uuid not null references account on delete cascade,
    domain_id uuid not null references domain, created timestamptz not null default now(), unique (account_id, name))`,
  `create table load_balancer_rule (id uuid primary key default gen_random_uuid(),
    network_id uuid not null references network, public_ip_address_id uuid not null references public_ip_address,
    name text not null, description text, public_port integer not null, private_port integer not null,
    protocol text not null check (protocol in ('tcp', 'udp', 'tcp-proxy', 'ssl')),
    algorithm text not null check (algorithm in ('roundrobin', 'leastconn', 'source')),
    cidr_list text not null default '', client_timeout_ms integer, server_timeout_ms integer,
    connect_timeout_ms integer, max_connections integer, stickiness jsonb, health_check jsonb,
    certificate_ids uuid[] not null default '{}', ${rule})`,
  'create index load_balancer_rule_network on load_balancer_rule (network_id)',
  'create index load_balancer_rule_address on load_balancer_rule (public_ip_address_id, public_port)',
  "create index load_balancer_rule_unsettled on load_balancer_rule (network_id) where state <> 'Active'",
  'create index load_balancer_rule_certificates on load_balancer_rule using gin (certificate_ids)',
  // A rule has one policy of each kind at most, so it is part of the rule's row, and goes back with it.
  `create unique index load_balancer_rule_stickiness on load_balancer_rule ((stickiness ->> 'id'))
    where stickiness is not null`,
  `create unique index load_balancer_rule_health_check on load_balancer_rule ((health_check ->> 'id'))
    where health_check is not null`,
  `create view load_balancer_stickiness_policy as select (stickiness ->> 'id')::uuid as id,
    id as load_balancer_rule_id, account_id, domain_id from load_balancer_rule where stickiness is not null`,
  `create view load_balancer_health_check_policy as select (health_check ->> 'id')::uuid as id,
    id as load_balancer_rule_id, account_id, domain_id from load_balancer_rule where health_check is not null`,
  `create table load_balancer_member (id uuid primary key default gen_random_uuid(),
    network_id uuid not null references network,
    load_balancer_rule_id uuid not null references load_balancer_rule on delete cascade,
    virtual_machine_id uuid not null references virtual_machine, nic_id uuid not null references nic,
    address text not null, ${rule}, unique (load_balancer_rule_id, address))`,
  'create index load_balancer_member_network on load_balancer_member (network_id)',
  'create index load_balancer_member_machine on load_balancer_member (virtual_machine_id)',
  'create index load_balancer_member_nic on load_balancer_member (nic_id)',
  "create index load_balancer_member_unsettled on load_balancer_member (network_id) where state <> 'Active'",
  'alter table firewall_rule add column load_balancer_rule_id uuid',
  'create index firewall_rule_load_balancer on firewall_rule (load_balancer_rule_id) where load_balancer_rule_id is not null',
];

/** Load balancers, their members and their certificates. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
