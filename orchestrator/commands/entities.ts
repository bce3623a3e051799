// What a command may name by id, and whose each is. The dispatcher loads and checks every id by this table before a
// handler runs, so no command has to remember to.
import type { Selectable } from 'kysely';
import type { Database } from '../store/schema.ts';

/**
 * Whose a row is:
 * - `account`: columns account_id and domain_id; the account itself, domain admins above it and root admins.
 * - `self`: the row is an account, user or domain itself.
 * - `parent`: as the entity that column `parentColumn` names.
 * - `public`: anyone may name it. - `admin`: root admins alone.
 */
export type Ownership =
  | { readonly kind: 'account' | 'self' | 'public' | 'admin' }
  | { readonly kind: 'parent'; readonly parentColumn: string; readonly parent: EntityName };

/** Tables whose ids the API knows: CloudStack's word for each, as error messages say it, and its ownership. */
export const entities = {
  domain: { label: 'domain', ownership: { kind: 'self' } },
  account: { label: 'account', ownership: { kind: 'self' } },
  cloud_user: { label: 'user', ownership: { kind: 'self' } },
  zone: { label: 'zone', ownership: { kind: 'public' } },
  physical_network: { label: 'physical network', ownership: { kind: 'admin' } },
  traffic_type: { label: 'traffic type', ownership: { kind: 'admin' } },
  network_service_provider: { label: 'network service provider', ownership: { kind: 'admin' } },
  virtual_router_element: { label: 'virtual router element', ownership: { kind: 'admin' } },
  pod: { label: 'pod', ownership: { kind: 'admin' } },
  cluster: { label: 'cluster', ownership: { kind: 'admin' } },
  host: { label: 'host', ownership: { kind: 'admin' } },
  vlan_ip_range: { label: 'VLAN IP range', ownership: { kind: 'admin' } },
  public_ip_address: { label: 'public IP address', ownership: { kind: 'account' } },
  os_type: { label: 'OS type', ownership: { kind: 'public' } },
  service_offering: { label: 'service offering', ownership: { kind: 'public' } },
  network_offering: { label: 'network offering', ownership: { kind: 'public' } },
  template: { label: 'template', ownership: { kind: 'public' } },
  network: { label: 'network', ownership: { kind: 'account' } },
  virtual_machine: { label: 'virtual machine', ownership: { kind: 'account' } },
  nic: { label: 'NIC', ownership: { kind: 'parent', parentColumn: 'virtual_machine_id', parent: 'virtual_machine' } },
  nic_secondary_address: {
    label: 'secondary address of a NIC',
    ownership: { kind: 'parent', parentColumn: 'nic_id', parent: 'nic' },
  },
  router: { label: 'router', ownership: { kind: 'account' } },
  firewall_rule: { label: 'firewall rule', ownership: { kind: 'account' } },
  port_forwarding_rule: { label: 'port forwarding rule', ownership: { kind: 'account' } },
  load_balancer_rule: { label: 'load balancer rule', ownership: { kind: 'account' } },
  load_balancer_stickiness_policy: { label: 'stickiness policy', ownership: { kind: 'account' } },
  load_balancer_health_check_policy: { label: 'health check policy', ownership: { kind: 'account' } },
  ssl_certificate: { label: 'SSL certificate', ownership: { kind: 'account' } },
  ssh_key_pair: { label: 'SSH key pair', ownership: { kind: 'account' } },
  user_data: { label: 'user data', ownership: { kind: 'account' } },
  guest_network_ipv6_prefix: { label: 'IPv6 prefix', ownership: { kind: 'admin' } },
  ipv6_firewall_rule: { label: 'IPv6 firewall rule', ownership: { kind: 'account' } },
  zone_ipv4_subnet: { label: 'IPv4 subnet of a zone', ownership: { kind: 'admin' } },
  guest_ipv4_subnet: { label: 'IPv4 subnet of a guest network', ownership: { kind: 'admin' } },
  routing_firewall_rule: { label: 'routing firewall rule', ownership: { kind: 'account' } },
  async_job: { label: 'async job', ownership: { kind: 'account' } },
  event: { label: 'event', ownership: { kind: 'account' } },
  alert: { label: 'alert', ownership: { kind: 'admin' } },
  resource_tag: { label: 'tag', ownership: { kind: 'account' } },
  usage_record: { label: 'usage record', ownership: { kind: 'account' } },
  system_vm: { label: 'system VM', ownership: { kind: 'admin' } },
  console_session: { label: 'console session', ownership: { kind: 'account' } },
} as const satisfies { readonly [Name in keyof Database]?: { label: string; ownership: LooseOwnership } };

type LooseOwnership =
  | { readonly kind: 'account' | 'self' | 'public' | 'admin' }
  | { readonly kind: 'parent'; readonly parentColumn: string; readonly parent: string };

export type EntityName = keyof typeof entities;
export type EntityRow<Name extends EntityName> = Selectable<Database[Name]>;
