// Tables of hosts, what identifies them and what fences them, and images that they hold. Columns are described where they are made: migrations/.
import type { CertificateRole, DriverName } from '@isthmus/contract';
import type { Ipv4Address } from '@isthmus/net';
import type { ColumnType, Generated } from 'kysely';
import type { Json, Timestamp } from './columns.ts';

export interface HostTable {
  id: Generated<string>;
  zone_id: string;
  pod_id: string;
  cluster_id: string;
  name: string;
  /** Where its host agent listens: `unix:/run/isthmus/ID/host-agent.sock`, or `https://ADDRESS:PORT` of one that joins by token. */
  url: string;
  /** Null until it has joined. */
  driver: DriverName | null;
  /** Connecting: its join token is not redeemed yet. Down: fenced, its power is off. Alert: lost, and not fenced. */
  state: Generated<'Connecting' | 'Up' | 'Down' | 'Disconnected' | 'Alert'>;
  /** Degraded: an admin said that its machine is off. */
  resource_state: Generated<'Enabled' | 'Disabled' | 'Maintenance' | 'Degraded'>;
  cpus: number;
  /** Bytes. */
  memory: ColumnType<string, number | string, number | string>;
  version: string;
  last_pinged: Date | null;
  accelerator: 'kvm' | 'tcg' | null;
  /** Bytes. */
  memory_free: ColumnType<string | null, number | null, number | null>;
  tunnel_address: Ipv4Address | null;
  /** Of guest NICs there, where its segments span tunnels. */
  guest_mtu: number | null;
  /** Changes with each boot of the machine. */
  boot_id: string | null;
  /** Until it has joined. */
  sealed_join_secret: string | null;
  join_expires: Date | null;
  disconnected_since: Date | null;
  /** When its power-off was confirmed; null again once it has returned. */
  fenced: Date | null;
  /** Why it is in state Alert or Connecting, for a person. */
  reason: string | null;
  created: Timestamp;
}

/** The CA of the control path. Sealed with the installation's master key. */
export interface CertificateAuthorityTable {
  id: Generated<string>;
  certificate: string;
  sealed_private_key: string;
  is_current: boolean;
  created: Timestamp;
}

/** Certificates that were issued and have not long expired. */
export interface CertificateTable {
  /** Upper-case hexadecimal. */
  serial_number: string;
  role: CertificateRole;
  subject_id: string;
  /** PEM. */
  certificate: string;
  not_before: Date;
  not_after: Date;
  revoked: Date | null;
  created: Timestamp;
}

/** How a host's power is switched from outside (CloudStack: out-of-band management). */
export interface OutOfBandManagementTable {
  host_id: string;
  driver: 'ipmitool';
  address: string;
  port: number;
  username: string;
  sealed_password: string;
  is_enabled: Generated<boolean>;
  power_state: Generated<'On' | 'Off' | 'Unknown'>;
  updated: Timestamp;
}

/** An image whose signature was verified. */
export interface ImageTable {
  id: Generated<string>;
  role: 'router' | 'console-proxy' | 'secondary-storage' | 'guest';
  version: string;
  architecture: 'amd64' | 'arm64';
  /** As packages/image-manifest has it. */
  manifest: Json<unknown>;
  /** Absolute path of the folder that holds its files. */
  directory: string;
  disk_sha256: string;
  created: Timestamp;
}

export interface HostTables {
  host: HostTable;
  certificate_authority: CertificateAuthorityTable;
  certificate: CertificateTable;
  out_of_band_management: OutOfBandManagementTable;
  image: ImageTable;
}
