// What routers and system VMs have in common, so that they are placed, started, healed, moved and ended alike.
import type { ApplianceKind, ApplianceSpec, Identity, Push } from '@isthmus/contract';
import type { Ipv4Address } from '@isthmus/net';
import type { RouterState } from '../model/virtual-machine.ts';
import type { Lease } from '../store/lease.ts';
import type { PlacementWishes } from './allocate.ts';
import type { Parts } from './parts.ts';
import type { WorkLock } from './work-lock.ts';

/** The columns that the row of every appliance has. */
export interface ApplianceRow {
  readonly id: string;
  readonly name: string;
  readonly zone_id: string;
  readonly pod_id: string;
  readonly host_id: string | null;
  readonly service_offering_id: string;
  readonly state: RouterState;
  readonly reason: string | null;
  readonly image_id: string | null;
  readonly bootstrapped: boolean;
}

/** What is written down of an appliance as it is worked on. */
export interface ApplianceChange {
  readonly state?: RouterState;
  readonly reason?: string | null;
  readonly host_id?: string | null;
  readonly pod_id?: string;
  readonly image_id?: string | null;
  readonly bootstrapped?: boolean;
  readonly link_local_address?: Ipv4Address | null;
  readonly version?: string | null;
  readonly software_version?: string | null;
  readonly software_sha256?: string | null;
}

/** On a host that it has not been on it has no disk, no identity and no address. */
export const unknownToHost = { bootstrapped: false, link_local_address: null } as const;

/** What appliances acknowledged of their documents, by the appliance's id. */
export interface Acknowledgements {
  acknowledged(id: string): Promise<Identity | null>;
  acknowledge(id: string, identity: Identity): Promise<void>;
  /** The next push is whole. */
  forgetAcknowledgement(id: string): Promise<void>;
}

/** One kind of appliances: their rows, and what is their own of what all have done to them. */
export interface Appliances<Row extends ApplianceRow> {
  readonly parts: Parts;
  /** Also the role of their image. */
  readonly kind: ApplianceKind;
  /** For people: `router`. */
  readonly noun: string;
  readonly documents: Acknowledgements;
  readonly lock: WorkLock;
  /** What has to be locked to work on it; undefined where it is gone. */
  lockedBy(id: string): Promise<string | undefined>;
  row(id: string): Promise<Row | undefined>;
  change(id: string, change: ApplianceChange): Promise<Row>;
  /** True where its agent is in a machine of its own, and is asked through the tunnel; else its host's agent is. */
  hasOwnAgent(row: Row): Promise<boolean>;
  /** The row with a host: the one that it has, or one that is chosen. Throws 533. */
  place(row: Row, wishes: PlacementWishes): Promise<Row>;
  spec(row: Row): Promise<Pick<ApplianceSpec, 'nics' | 'dark'>>;
  /** What its config drive carries of its document; null: it is pushed. */
  firstPush(row: Row, lease: Lease): Promise<Push | null>;
  /** Brings what runs on its host to its document. */
  bringUpToDate(row: Row, lease: Lease): Promise<void>;
  /** Called before it stops, where it should be asked for the last time. */
  lastWords(row: Row): Promise<void>;
  /** Its row away, and what it had. It has ended already. */
  remove(row: Row): Promise<void>;
}
