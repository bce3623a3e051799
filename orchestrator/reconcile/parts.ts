import type { PowerControl } from '../drivers/ipmi.ts';
import type { Sealer } from '../pki/sealer.ts';
import type { Db } from '../store/database.ts';
import type { DiagnosticsBundles } from '../store/diagnostics-bundle.ts';
import type { ImageStore } from '../store/image.ts';
import type { Log } from '../store/log.ts';
import type { Certificates } from './certificates.ts';
import type { Coalescer } from './coalescer.ts';
import type { Hosts } from './hosts.ts';
import type { RouterAgents } from './router-agents.ts';
import type { Refusals, RouterPusher } from './router-pusher.ts';
import type { WorkLock } from './work-lock.ts';

/** What the flows of this folder work with. */
export interface Parts {
  readonly db: Db;
  readonly log: Log;
  readonly hosts: Hosts;
  /** The agents in routers. */
  readonly agents: RouterAgents;
  /** The CA, and this orchestrator's own certificate. */
  readonly certificates: Certificates;
  /** Seals what must not be read from the database. */
  readonly sealer: Sealer;
  /** Switches hosts off. */
  readonly power: PowerControl;
  /** Images whose signature was verified. */
  readonly images: ImageStore;
  /** Bundles of diagnostics until they are fetched. */
  readonly bundles: DiagnosticsBundles;
  /** Aborted once the orchestrator ends: what waits for a VM gives up. */
  readonly ending: AbortSignal;
  /** Of networks, and so of their routers. */
  readonly lock: WorkLock;
  readonly systemVmLock: WorkLock;
  readonly pusher: RouterPusher;
  /** Brings a network's router up to date; many changes ride one push. */
  readonly updates: Coalescer<Refusals>;
  setting(name: string): Promise<string>;
}
