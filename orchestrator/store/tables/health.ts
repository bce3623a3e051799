// Tables of health checks, alerts and diagnostics.
import type { HealthCheckResult } from '@isthmus/contract';
import type { Generated } from 'kysely';
import type { Timestamp } from './columns.ts';

/** The last result of each check of a router. */
export interface RouterHealthTable {
  router_id: string;
  name: string;
  kind: HealthCheckResult['kind'];
  status: HealthCheckResult['status'];
  detail: string;
  checked_at: Date;
  /** Rounds in a row that found it failed. */
  failures: Generated<number>;
}

/** How often a network's router was replaced after failed checks, and when last. Gone once it is healthy. */
export interface RouterRecreationTable {
  network_id: string;
  attempts: number;
  last: Date;
}

export interface AlertTable {
  id: Generated<string>;
  /** A number of `alertTypes` (model/alert.ts). */
  type: number;
  /** CloudStack's name of the type, or what generateAlert called it. */
  name: string;
  description: string;
  /** What it is about; null where generateAlert made it. */
  resource_id: string | null;
  zone_id: string | null;
  pod_id: string | null;
  /** How often the reason was found while it lasts. */
  sent_count: Generated<number>;
  created: Timestamp;
  last_sent: Timestamp;
  /** When its reason was gone. */
  resolved: Date | null;
  archived: Generated<boolean>;
}

/** A bundle that may be fetched by its link until it expires. */
export interface DiagnosticsBundleTable {
  token_hash: string;
  router_id: string | null;
  /** Its name in the folder of bundles. */
  file: string;
  bytes: number;
  created: Timestamp;
  expires: Date;
}

export interface HealthTables {
  router_health: RouterHealthTable;
  router_recreation: RouterRecreationTable;
  alert: AlertTable;
  diagnostics_bundle: DiagnosticsBundleTable;
}
