// Tables of zones, their physical networks, pods and clusters. Columns are described where they are made: migrations/.
import type { Fqdn, Ipv4Address, Ipv4Cidr, Ipv6Address } from '@isthmus/net';
import type { Generated } from 'kysely';
import type { Timestamp } from './columns.ts';

export interface ZoneTable {
  id: Generated<string>;
  name: string;
  network_type: 'Advanced';
  dns1: Ipv4Address;
  dns2: Ipv4Address | null;
  internal_dns1: Ipv4Address;
  internal_dns2: Ipv4Address | null;
  ip6_dns1: Ipv6Address | null;
  ip6_dns2: Ipv6Address | null;
  /** Default CIDR of isolated networks. */
  guest_cidr: Ipv4Cidr;
  network_domain: Fqdn | null;
  allocation_state: Generated<'Enabled' | 'Disabled'>;
  created: Timestamp;
}

export interface PhysicalNetworkTable {
  id: Generated<string>;
  zone_id: string;
  name: string;
  state: Generated<'Enabled' | 'Disabled'>;
  /** Range of VNIs for guest networks, both ends included. */
  vni_first: number | null;
  vni_last: number | null;
  isolation_method: Generated<string>;
  network_speed: string | null;
  tags: string | null;
  created: Timestamp;
}

export interface TrafficTypeTable {
  id: Generated<string>;
  physical_network_id: string;
  traffic_type: 'Public' | 'Guest' | 'Management' | 'Storage' | 'Control';
  /** `kvmnetworklabel`: the bridge on the host; null: the host agent's own. */
  label: string | null;
}

export interface NetworkServiceProviderTable {
  id: Generated<string>;
  physical_network_id: string;
  name: string;
  state: Generated<'Enabled' | 'Disabled' | 'Shutdown'>;
}

export interface VirtualRouterElementTable {
  id: Generated<string>;
  network_service_provider_id: string;
  enabled: Generated<boolean>;
}

export interface PodTable {
  id: Generated<string>;
  zone_id: string;
  name: string;
  gateway: Ipv4Address;
  netmask: Ipv4Address;
  start_ip: Ipv4Address;
  end_ip: Ipv4Address;
  allocation_state: Generated<'Enabled' | 'Disabled'>;
  created: Timestamp;
}

export interface ClusterTable {
  id: Generated<string>;
  zone_id: string;
  pod_id: string;
  name: string;
  hypervisor: string;
  cluster_type: Generated<'CloudManaged' | 'ExternalManaged'>;
  allocation_state: Generated<'Enabled' | 'Disabled'>;
  created: Timestamp;
}

export interface ZoneTables {
  zone: ZoneTable;
  physical_network: PhysicalNetworkTable;
  traffic_type: TrafficTypeTable;
  network_service_provider: NetworkServiceProviderTable;
  virtual_router_element: VirtualRouterElementTable;
  pod: PodTable;
  cluster: ClusterTable;
}
