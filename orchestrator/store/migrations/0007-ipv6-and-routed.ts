import { type Kysely, sql } from 'kysely';

const router = '["VirtualRouter"]';
const servicesOf = (names: readonly string[]) => `{${names.map((name) => `"${name}": ${router}`).join(', ')}}`;

const firewallRule = `id uuid primary key default gen_random_uuid(), traffic_type text not null,
  network_id uuid not null references network on delete cascade, protocol text not null, start_port integer,
  end_port integer, icmp_type integer, icmp_code integer, cidr_list text not null default '',
  dest_cidr_list text not null default '', state text not null check (state in ('Add', 'Active', 'Revoke')),
  previous jsonb, account_id uuid not null references account, domain_id uuid not null references domain,
  created timestamptz not null default now()`;

const statements = [
  `alter table network_offering add column internet_protocol text not null default 'IPv4',
    add column network_mode text not null default 'NATTED', add column tags text,
    add column domain_ids jsonb not null default '[]', add column zone_ids jsonb not null default '[]',
    add column max_connections integer`,
  'alter table zone add column ip6_dns1 text, add column ip6_dns2 text',
  `alter table vlan_ip_range add column ip6_gateway text, add column ip6_cidr text, add column start_ipv6 text,
    add column end_ipv6 text`,
  `create table guest_network_ipv6_prefix (id uuid primary key default gen_random_uuid(),
    zone_id uuid not null references zone, prefix text not null unique, created timestamptz not null default now())`,
  // A dual-stack network's own /64, and the address that its router has among the public ones.
  `alter table network add column ip6_prefix_id uuid references guest_network_ipv6_prefix,
    add column ip6_cidr text unique, add column ip6_gateway text, add column ip6_public_address text unique,
    add column ip6_dns1 text, add column ip6_dns2 text, add column guest_vm_cidr text,
    add column previous_network_offering_id uuid references network_offering`,
  'alter table router add column has_public_nic boolean not null default true',
  `update router set has_public_nic = exists (select 1 from public_ip_address
    where public_ip_address.network_id = router.network_id and is_source_nat)`,
  `create table ipv6_firewall_rule (${firewallRule})`,
  'create index ipv6_firewall_rule_network on ipv6_firewall_rule (network_id)',
  // Subnets of a zone that routed networks are cut out of, and what was cut.
  `create table zone_ipv4_subnet (id uuid primary key default gen_random_uuid(),
    zone_id uuid not null references zone, subnet text not null unique, account_id uuid references account,
    domain_id uuid references domain, created timestamptz not null default now())`,
  `create table guest_ipv4_subnet (id uuid primary key default gen_random_uuid(),
    parent_id uuid not null references zone_ipv4_subnet, subnet text not null unique,
    network_id uuid unique references network on delete set null deferrable initially deferred,
    is_explicit boolean not null, allocated timestamptz,
    created timestamptz not null default now())`,
  'create index guest_ipv4_subnet_parent on guest_ipv4_subnet (parent_id)',
  `create table routing_firewall_rule (${firewallRule})`,
  'create index routing_firewall_rule_network on routing_firewall_rule (network_id)',
  // Installations that have their offerings already: services that routers have learned, and the two new offerings.
  `update network_offering set services = services || '${servicesOf(['UserData', 'Lb'])}'
    where is_default and name = 'DefaultIsolatedNetworkOfferingWithSourceNatService'`,
  `update network_offering set services = services || '${servicesOf(['UserData'])}'
    where is_default and name = 'DefaultIsolatedNetworkOffering'`,
  `insert into network_offering (name, display_text, guest_ip_type, state, is_default, egress_default_allow,
      internet_protocol, services)
    select 'DefaultIsolatedDualStackNetworkOffering', 'Offering for isolated networks with IPv4 and IPv6', 'Isolated',
      'Enabled', true, false, 'DualStack', services
    from network_offering where is_default and name = 'DefaultIsolatedNetworkOfferingWithSourceNatService'
    on conflict (name) do nothing`,
  `insert into network_offering (name, display_text, guest_ip_type, state, is_default, egress_default_allow,
      network_mode, services)
    select 'DefaultIsolatedRoutedNetworkOffering', 'Offering for routed networks: no NAT, guests at their own addresses',
      'Isolated', 'Enabled', true, false, 'ROUTED', '${servicesOf(['Dhcp', 'Dns', 'UserData', 'Firewall', 'Gateway'])}'
    from network_offering where is_default and name = 'DefaultIsolatedNetworkOfferingWithSourceNatService'
    on conflict (name) do nothing`,
];

/** IPv6 and routed networks, and offerings that decide which services a network has. */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
