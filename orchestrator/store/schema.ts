// The tables of the database as kysely sees them: what networks are made of, and jobs. Those of a feature stand in tables/.
// Columns are described where they are made: migrations/.
import type { Fqdn, Hostname, Ipv4Address, Ipv4Cidr, Ipv6Address, Ipv6Cidr, MacAddress } from '@isthmus/net';
import type { ColumnType, Generated } from 'kysely';
import type { RouterState, VirtualMachineState } from '../model/virtual-machine.ts';
import type { AccountTables } from './tables/account.ts';
import type { Json, Timestamp } from './tables/columns.ts';
import type { ConsoleTables } from './tables/console.ts';
import type { DeliveryTables } from './tables/delivery.ts';
import type { DhcpTables } from './tables/dhcp.ts';
import type { HealthTables } from './tables/health.ts';
import type { HostTables } from './tables/host.ts';
import type { Ipv6Tables } from './tables/ipv6.ts';
import type { LoadBalancingTables } from './tables/load-balancing.ts';
import type { MachineMetadataColumns, MetadataTables, TemplateMetadataColumns } from './tables/metadata.ts';
import type { NicTables } from './tables/nic.ts';
import type { ReplacementColumns } from './tables/replacement.ts';
import type { RoutedTables } from './tables/routed.ts';
import type { TagTables } from './tables/tag.ts';
import type { UsageTables } from './tables/usage.ts';
import type { ZoneTables } from './tables/zone.ts';

export type { AccountTable, AccountType, DomainTable, SessionTable, UserTable } from './tables/account.ts';
export type { Timestamp } from './tables/columns.ts';
export type { LeaseTable, NetworkChangeTable, RouterDocumentTable, RouterEntryTable } from './tables/delivery.ts';
export type {
  CertificateAuthorityTable,
  CertificateTable,
  HostTable,
  ImageTable,
  OutOfBandManagementTable,
} from './tables/host.ts';
export type {
  ClusterTable,
  NetworkServiceProviderTable,
  PhysicalNetworkTable,
  PodTable,
  TrafficTypeTable,
  VirtualRouterElementTable,
  ZoneTable,
} from './tables/zone.ts';

export interface ConfigurationTable {
  name: string;
  value: string | null;
}

/** A range of public addresses (CloudStack: VLAN IP range). */
export interface VlanIpRangeTable {
  id: Generated<string>;
  zone_id: string;
  physical_network_id: string;
  vlan: string;
  gateway: Ipv4Address;
  netmask: Ipv4Address;
  start_ip: Ipv4Address;
  end_ip: Ipv4Address;
  /** The IPv6 network beside it; null: IPv4 alone. */
  ip6_gateway: Ipv6Address | null;
  ip6_cidr: Ipv6Cidr | null;
  /** Routers get addresses from here to `end_ipv6`; both null: from the whole network. */
  start_ipv6: Ipv6Address | null;
  end_ipv6: Ipv6Address | null;
  account_id: string | null;
  domain_id: string | null;
  created: Timestamp;
}

/** Every address of every range has a row; a free one has no account. */
export interface PublicIpAddressTable {
  id: Generated<string>;
  address: Ipv4Address;
  /** The address as a number, for order. */
  address_number: ColumnType<string, number | string, number | string>;
  vlan_ip_range_id: string;
  zone_id: string;
  /** Reserved: kept for its account, which has to ask for it by its address. */
  state: Generated<'Free' | 'Reserved' | 'Allocating' | 'Allocated' | 'Releasing'>;
  account_id: string | null;
  domain_id: string | null;
  network_id: string | null;
  is_source_nat: Generated<boolean>;
  /** Static NAT goes to this NIC. */
  static_nat_nic_id: string | null;
  /** Of the NIC, where it is not its own. */
  static_nat_private_address: Ipv4Address | null;
  /** State of the static NAT, as of a rule. */
  static_nat_state: RuleState | null;
  allocated: Date | null;
}

export interface OsTypeTable {
  id: Generated<string>;
  category: string;
  description: string;
}

export interface ServiceOfferingTable {
  id: Generated<string>;
  name: string;
  display_text: string;
  cpu_number: number;
  /** MHz. */
  cpu_speed: number;
  /** MiB. */
  memory: number;
  is_system: Generated<boolean>;
  system_vm_type: string | null;
  is_default: Generated<boolean>;
  offer_ha: Generated<boolean>;
  state: Generated<'Active' | 'Inactive'>;
  created: Timestamp;
}

export interface NetworkOfferingTable {
  id: Generated<string>;
  name: string;
  display_text: string;
  guest_ip_type: 'Isolated' | 'Shared' | 'L2';
  traffic_type: Generated<'Guest'>;
  state: Generated<'Enabled' | 'Disabled' | 'Inactive'>;
  availability: Generated<'Optional' | 'Required'>;
  conserve_mode: Generated<boolean>;
  specify_vlan: Generated<boolean>;
  specify_ip_ranges: Generated<boolean>;
  is_persistent: Generated<boolean>;
  is_default: Generated<boolean>;
  for_vpc: Generated<boolean>;
  /** True: egress is allowed where no rule denies it. */
  egress_default_allow: boolean;
  service_offering_id: string | null;
  network_rate: number | null;
  /** Service name to provider names, e.g. {"Dhcp": ["VirtualRouter"]}. */
  services: Json<Record<string, string[]>>;
  internet_protocol: Generated<'IPv4' | 'DualStack'>;
  /** ROUTED: guests are reached at their own addresses, without NAT. */
  network_mode: Generated<'NATTED' | 'ROUTED'>;
  tags: string | null;
  /** Whose it is; empty: everybody's. */
  domain_ids: ColumnType<string[], string | undefined, string>;
  /** Where it is offered; empty: everywhere. */
  zone_ids: ColumnType<string[], string | undefined, string>;
  /** Connections of all load balancers of a router at once; null: its default. */
  max_connections: number | null;
  created: Timestamp;
}

export interface TemplateTable extends TemplateMetadataColumns {
  id: Generated<string>;
  name: string;
  display_text: string;
  format: string;
  hypervisor: string;
  os_type_id: string;
  is_public: Generated<boolean>;
  is_featured: Generated<boolean>;
  /** `builtin:http-echo` is the namespace driver's instance, `image:guest` an image of Isthmus, else where it came from. */
  url: string;
  size: ColumnType<string, number | string, number | string>;
  image_id: string | null;
  /** Absolute path of an inspected qcow2 file of the admin's. */
  file_path: string | null;
  disk_sha256: string | null;
  /** Bytes of the disk's file; null of built-in templates. */
  physical_size: ColumnType<string | null, number | null | undefined, number | null>;
  /** Importing: its disk is being copied and looked at. */
  state: Generated<'Importing' | 'Ready' | 'Error'>;
  reason: string | null;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

export interface NetworkTable {
  id: Generated<string>;
  name: string;
  display_text: string;
  zone_id: string;
  physical_network_id: string;
  network_offering_id: string;
  /** While a move to another offering waits for the router: what a refusal goes back to. */
  previous_network_offering_id: string | null;
  account_id: string;
  domain_id: string;
  gateway: Ipv4Address;
  cidr: Ipv4Cidr;
  /** Instances get addresses from here to `end_ip`; both null: from the whole CIDR. */
  start_ip: Ipv4Address | null;
  end_ip: Ipv4Address | null;
  network_domain: Fqdn;
  dns1: Ipv4Address | null;
  dns2: Ipv4Address | null;
  ip6_dns1: Ipv6Address | null;
  ip6_dns2: Ipv6Address | null;
  /** Of a dual-stack network: its own /64, and the prefix of the zone that it is of. */
  ip6_prefix_id: string | null;
  ip6_cidr: Ipv6Cidr | null;
  ip6_gateway: Ipv6Address | null;
  /** Its router's among the public ones, to which the /64 is routed. */
  ip6_public_address: Ipv6Address | null;
  /** The part of `cidr` that instances get addresses of (CloudStack: guestvmcidr); null: all of it. */
  guest_vm_cidr: Ipv4Cidr | null;
  public_mtu: Generated<number>;
  private_mtu: Generated<number>;
  /** Null until the network is implemented. */
  vni: number | null;
  state: Generated<'Allocated' | 'Implementing' | 'Implemented' | 'Shutdown' | 'Destroy'>;
  restart_required: Generated<boolean>;
  display_network: Generated<boolean>;
  /** Since when no instance runs in it; for `network.gc.wait`. */
  unused_since: Date | null;
  created: Timestamp;
}

export interface VirtualMachineTable extends MachineMetadataColumns {
  id: Generated<string>;
  /** Internal name, such as i-2-15-VM. */
  instance_name: string;
  name: Hostname;
  display_name: string;
  account_id: string;
  domain_id: string;
  user_id: string | null;
  zone_id: string;
  host_id: string | null;
  template_id: string;
  service_offering_id: string;
  user_data: string | null;
  /** Bytes (`rootdisksize`); null: as large as its template's disk. */
  root_disk_bytes: ColumnType<string | null, number | null, number | null>;
  state: VirtualMachineState;
  /** Why it is in state Error, for a person. */
  reason: string | null;
  created: Timestamp;
}

export interface NicTable {
  id: Generated<string>;
  virtual_machine_id: string;
  network_id: string;
  address: Ipv4Address;
  mac_address: MacAddress;
  is_default: boolean;
  device_id: number;
  /** Its removal has begun: nothing may lead to it any more. */
  is_leaving: Generated<boolean>;
}

export interface RouterTable extends ReplacementColumns {
  id: Generated<string>;
  /** r-N-VM. */
  name: string;
  network_id: string;
  zone_id: string;
  pod_id: string;
  host_id: string | null;
  account_id: string;
  domain_id: string;
  service_offering_id: string;
  guest_mac_address: MacAddress;
  public_mac_address: MacAddress;
  state: RouterState;
  reason: string | null;
  version: string | null;
  image_id: string | null;
  /** Its control address on its host (CloudStack: linklocalip). */
  link_local_address: Ipv4Address | null;
  /** True: its identity is safe on its disk, so that it needs no config drive. */
  bootstrapped: Generated<boolean>;
  /** State of the router that it replaces, by service, until it has taken it over. */
  handover: Json<Record<string, string>> | null;
  /** False: made for a network without a way out. */
  has_public_nic: Generated<boolean>;
  created: Timestamp;
}

/** A rule's life: wanted but not yet acknowledged, in force, wanted gone. A changed rule is Add with `previous`. */
export type RuleState = 'Add' | 'Active' | 'Revoke';

export interface FirewallRuleTable {
  id: Generated<string>;
  traffic_type: 'Ingress' | 'Egress';
  network_id: string;
  /** Ingress only. */
  public_ip_address_id: string | null;
  protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  start_port: number | null;
  end_port: number | null;
  icmp_type: number | null;
  icmp_code: number | null;
  /** As the tenant spelled it, comma-separated; '' for none. */
  cidr_list: Generated<string>;
  dest_cidr_list: Generated<string>;
  /** The port forwarding rule that opened it (`openfirewall`) and takes it along when it is deleted. */
  port_forwarding_rule_id: string | null;
  /** The load balancer rule that opened it, and takes it along as well. */
  load_balancer_rule_id: ColumnType<string | null, string | null | undefined, string | null>;
  state: RuleState;
  /** The row as it was acknowledged, while a change of it waits; what a refusal goes back to. */
  previous: Json<unknown> | null;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

export interface PortForwardingRuleTable {
  id: Generated<string>;
  network_id: string;
  public_ip_address_id: string;
  protocol: 'tcp' | 'udp';
  public_start_port: number;
  public_end_port: number;
  private_start_port: number;
  private_end_port: number;
  virtual_machine_id: string;
  nic_id: string;
  /** Of the NIC, where it is not its own. */
  private_address: Ipv4Address | null;
  /** As the tenant spelled it; whom the rule opened the firewall for. '' for none given. */
  cidr_list: Generated<string>;
  state: RuleState;
  previous: Json<unknown> | null;
  account_id: string;
  domain_id: string;
  created: Timestamp;
}

export interface AsyncJobTable {
  id: Generated<string>;
  command: string;
  /** The call's parameters as text, secrets left out. */
  parameters: Json<Record<string, string>>;
  user_id: string | null;
  account_id: string;
  domain_id: string;
  /** 0 in progress, 1 succeeded, 2 failed. */
  status: Generated<0 | 1 | 2>;
  result_code: Generated<number>;
  result: Json<unknown> | null;
  /** Such as `FirewallRule`, and the id of the entity that the command made or works on. */
  instance_type: string | null;
  instance_id: string | null;
  /** Number of the process that took it last (store/presence.ts). */
  worker: number | null;
  created: Timestamp;
  completed: Date | null;
}

export interface EventTable {
  id: Generated<string>;
  /** CloudStack's event type, such as NETWORK.CREATE. */
  type: string;
  level: Generated<'INFO' | 'WARN' | 'ERROR'>;
  state: Generated<'Created' | 'Scheduled' | 'Started' | 'Completed'>;
  description: string;
  user_id: string | null;
  account_id: string;
  domain_id: string;
  resource_type: string | null;
  resource_id: string | null;
  created: Timestamp;
}

/** Every table by name. */
export interface Database
  extends AccountTables,
    ConsoleTables,
    DeliveryTables,
    DhcpTables,
    NicTables,
    HealthTables,
    HostTables,
    Ipv6Tables,
    LoadBalancingTables,
    MetadataTables,
    RoutedTables,
    TagTables,
    UsageTables,
    ZoneTables {
  configuration: ConfigurationTable;
  vlan_ip_range: VlanIpRangeTable;
  public_ip_address: PublicIpAddressTable;
  os_type: OsTypeTable;
  service_offering: ServiceOfferingTable;
  network_offering: NetworkOfferingTable;
  template: TemplateTable;
  network: NetworkTable;
  virtual_machine: VirtualMachineTable;
  nic: NicTable;
  router: RouterTable;
  firewall_rule: FirewallRuleTable;
  port_forwarding_rule: PortForwardingRuleTable;
  async_job: AsyncJobTable;
  event: EventTable;
}
