// What the agent's pipeline asks of a service: one daemon, or one table of the kernel, that carries sections of the document.
import type {
  CollectionName,
  HealthCheckResult,
  Operations,
  RouterDocument,
  RouterEntry,
  SectionName,
  ServiceHealth,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { ControlPath } from '@isthmus/templates/firewall';

/** Where a router's files lie: `state` survives restarts, `run` holds sockets and process ids. Absolute, made by the agent. */
export interface RouterPaths {
  readonly state: string;
  readonly run: string;
}

/** What a service is made with. */
export interface ServiceContext {
  readonly host: Host;
  readonly paths: RouterPaths;
  /** Prefix of chain and set names, at most 6 characters, so that two installations never meet. */
  readonly namePrefix: string;
  /** Of a router in a VM, whose agent runs in it: the NIC over which it is managed. Absent with the namespace driver. */
  readonly control?: ControlPath;
  /** The agent's own process is in the router's network namespace, as in a VM. Absent with the namespace driver. */
  readonly isInside?: boolean;
  /** Nothing of ours was put into this kernel since its boot: the first document finds nothing, and is not to look for it. */
  readonly isNewKernel?: boolean;
}

/** One entry's change. `before` absent: added; `after` absent: removed; both: changed. */
export interface EntryChange<Name extends CollectionName = CollectionName> {
  readonly id: string;
  readonly before?: RouterEntry<Name>;
  readonly after?: RouterEntry<Name>;
}

/**
 * From one state of the document to the next. `full`: what is applied is unknown (boot, full push, a revert that failed),
 * so apply the whole; every section and every entry of `document` then stands in the change as added, and what the
 * document does not hold goes.
 */
export interface DocumentChange {
  readonly full: boolean;
  /** The document after the change. */
  readonly document: RouterDocument;
  /** Sections whose settings differ. */
  readonly sections: ReadonlySet<SectionName>;
  readonly entries: { readonly [Name in CollectionName]: readonly EntryChange<Name>[] };
}

/** A fault of the document that the schema cannot see. `path` as in Refusal.paths. */
export interface DocumentFault {
  readonly path: string;
  readonly message: string;
}

/** The rest of the work for one change of one service, after its render and diff. An empty plan is `null`. */
export interface ServicePlan {
  /** Writes what is new beside what serves and lets the daemon's own checker read it. Changes nothing that serves. Throws CheckError. */
  stage(): Promise<void>;
  /** Makes it serve. */
  apply(): Promise<void>;
  /** Quick check that it serves. */
  verify(): Promise<void>;
  /** Everything held: forget how to go back. May start work that nobody waits for. */
  commit(): Promise<void>;
  /** Restores the last good state, whatever of stage, apply and verify has run and however far. */
  revert(): Promise<void>;
}

/** What a router's replacement takes over from it, such as leases. */
export interface PortableState {
  /** Text that `importState` of the same service of another router reads. */
  exportState(): Promise<string>;
  /** Called before the first document is applied. Throws where the text is not such an export. */
  importState(text: string): Promise<void>;
  /** It may be called while a document is in force too, again and again: what it brings is added. */
  readonly whileServing?: true;
}

/** A health check as a service carries it out: of behaviour, and changing nothing. A check that throws has failed. */
export interface HealthCheck {
  /** CloudStack's name, such as `dhcp_check.py`. */
  readonly name: HealthCheckResult['name'];
  readonly kind: HealthCheckResult['kind'];
  run(): Promise<CheckFinding>;
}

/** `detail`: for a person, what was tried and what came of it. */
export type CheckFinding = Pick<HealthCheckResult, 'status' | 'detail'>;

/** A file that may be shown to who diagnoses a router: nothing secret in it, nothing of what guests keep. */
export interface DiagnosticFile {
  /** As getDiagnosticsData names it. */
  readonly name: string;
  /** Absolute. One that is absent is left out. */
  readonly path: string;
}

/**
 * One daemon or kernel table. `plan` is pure: it renders what changed, compares with what is applied, and answers with
 * the work, or null where there is none. The agent runs one plan at a time.
 */
export interface RouterService {
  readonly name: string;
  /** Milliseconds between two health checks of a service that is well. Absent: each time the agent looks. */
  readonly checkEveryMs?: number;
  /** Absent where the document says all there is to know. */
  readonly portable?: PortableState;
  /** What this service does on request. */
  readonly operations?: Operations;
  /** Checks besides `health`, which cost too much to be made each second. The service is healed where one fails. */
  readonly checks?: readonly HealthCheck[];
  diagnosticFiles?(): readonly DiagnosticFile[];
  check(change: DocumentChange): DocumentFault[];
  plan(change: DocumentChange): ServicePlan | null;
  /** What a check of its behaviour (not of a string in a file) found. */
  health(): Promise<ServiceHealth>;
  /** Called between pushes, each time the agent looks, and never beside a push: one small step of work that nobody waits for. */
  whenIdle?(): Promise<void>;
  /** Mends what the health check found, such as a daemon that died; resolves when it serves again. */
  heal(): Promise<void>;
  /** Ends timers and watchers. What it serves goes on serving. */
  release(): Promise<void>;
  /** Ends daemons as well: the router is stopped. */
  shutdown(): Promise<void>;
}

/** A daemon's own checker refused staged files. `paths` of the document where known. */
export class CheckError extends Error {
  readonly paths: readonly string[];
  readonly detail: string;

  constructor(message: string, detail: string, paths: readonly string[] = [], options?: ErrorOptions) {
    super(message, options);
    this.name = 'CheckError';
    this.paths = paths;
    this.detail = detail;
  }
}
