// Tables of system VMs and consoles.
import type { ConsoleKind, ConsoleMode, ConsoleReason, Identity } from '@isthmus/contract';
import type { Ipv4Address, MacAddress } from '@isthmus/net';
import type { ColumnType, Generated } from 'kysely';
import type { RouterState } from '../../model/virtual-machine.ts';
import type { Timestamp } from './columns.ts';

type Count = ColumnType<string, number | undefined, number>;

/** A system VM that serves a zone. Its states are a router's. */
export interface SystemVmTable {
  id: Generated<string>;
  /** v-N-VM. */
  name: string;
  type: 'consoleproxy';
  zone_id: string;
  pod_id: string;
  host_id: string | null;
  service_offering_id: string;
  public_ip_address_id: string | null;
  public_mac_address: MacAddress;
  link_local_address: Ipv4Address | null;
  state: RouterState;
  reason: string | null;
  image_id: string | null;
  version: string | null;
  software_version: string | null;
  software_sha256: string | null;
  bootstrapped: Generated<boolean>;
  /** Of its document, as it was last compiled. */
  generation: Count;
  acknowledged: ColumnType<Identity | null, string | null | undefined, string | null>;
  draining: Date | null;
  reported: Date | null;
  healthy: Generated<boolean>;
  idle_since: Date | null;
  created: Timestamp;
}

export interface ConsoleSessionTable {
  id: Generated<string>;
  zone_id: string;
  target_kind: 'instance' | 'router' | 'system-vm';
  target_id: string;
  console: ConsoleKind;
  account_id: string;
  domain_id: string;
  user_id: string;
  api_session_id: string | null;
  /** The Origin that its WebSocket has to come from. */
  origin: string;
  /** Where the call came from that asked for it (CloudStack: consoleendpointcreatoraddress). */
  creator_address: string | null;
  /** The only address that may open it; null: any. */
  bound_address: string | null;
  client_address: string | null;
  extra_hash: string | null;
  state: 'Issued' | 'Choosing' | 'Open' | 'Ended';
  mode: ConsoleMode | null;
  ticket_hash: string | null;
  ticket_expires: Date | null;
  resume_hash: string | null;
  /** Of tokens that were spent, the newest last. */
  used_resume_hashes: Generated<string[]>;
  request_id: string | null;
  /** SessionSecrets as JSON, sealed, until its proxy reports it. */
  sealed_secrets: string | null;
  system_vm_id: string | null;
  host_id: string | null;
  bytes_to_client: Count;
  bytes_to_target: Count;
  end_reason: ConsoleReason | null;
  created: Timestamp;
  acquired: Date | null;
  /** When a proxy last reported it. */
  seen: Date | null;
  /** Since when an open one has no proxy; null: it has one. */
  lost: Date | null;
  ended: Date | null;
}

export interface CustomCertificateTable {
  sequence: number;
  name: string | null;
  domain_suffix: string;
  /** PEM. */
  certificate: string;
  sealed_private_key: string | null;
  created: Timestamp;
}

export interface ConsoleTables {
  system_vm: SystemVmTable;
  console_session: ConsoleSessionTable;
  custom_certificate: CustomCertificateTable;
}
