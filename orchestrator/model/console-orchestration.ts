// What commands ask of the machinery behind consoles and system VMs.
import type { ConsoleKind, ResumeAnswer, ResumeRequest } from '@isthmus/contract';

/** A ticket for a console, to be handed out once. `socket`: where clients of CloudStack connect. */
export interface ConsoleEndpoint {
  readonly session: string;
  readonly ticket: string;
  readonly url: string;
  readonly socket: { readonly host: string; readonly port: number; readonly path: string };
}

/** Who asks for a console, and of what. */
export interface ConsoleRequestOfUser {
  readonly target: { readonly kind: 'instance' | 'router' | 'system-vm'; readonly id: string };
  /** Absent: the screen where the machine has one. */
  readonly console?: ConsoleKind;
  readonly userId: string;
  readonly accountId: string;
  readonly domainId: string;
  /** Digest of the session of the web page, where the call came by one. */
  readonly apiSessionId: string | null;
  readonly clientAddress: string | null;
  /** The client's own token, which has to be shown with the ticket. */
  readonly extra?: string;
}

/** A page that comes back: what it sent, where it is from, and where the call came from. */
export interface ConsoleResumption {
  readonly request: ResumeRequest;
  /** The Origin header; null: none. */
  readonly origin: string | null;
  readonly clientAddress: string | null;
}

/** Consoles that people open. Not to be called within a transaction: each opens its own. */
export interface ConsoleSessionOrchestration {
  /** Null endpoint: refused, with why for a person (CloudStack answers that with `success: false`). */
  createConsoleEndpoint(
    request: ConsoleRequestOfUser,
  ): Promise<{ readonly endpoint: ConsoleEndpoint } | { readonly refused: string }>;
  /** Another ticket for a session whose proxy is lost. The resume token is spent when that ticket is redeemed. */
  resumeConsole(resumption: ConsoleResumption): Promise<ResumeAnswer>;
}

/** System VMs. */
export interface SystemVmOrchestration {
  startSystemVm(id: string): Promise<void>;
  stopSystemVm(id: string, options: { forced: boolean }): Promise<void>;
  rebootSystemVm(id: string): Promise<void>;
  /** Gone with its address; another is deployed where the zone needs one. */
  destroySystemVm(id: string): Promise<void>;
  /** Takes its new offering, written already, by a restart where it runs. */
  scaleSystemVm(id: string): Promise<void>;
  /** To that host, or to one that is chosen; its sessions come back by themselves. */
  migrateSystemVm(id: string, hostId: string | null): Promise<void>;
  /** As patchRouter. */
  patchSystemVm(id: string, options: { forced: boolean }): Promise<string>;
  /** Pushes to every console proxy what settings and the certificate say now; those that do not take it follow later. */
  pushConsoleSettings(): Promise<void>;
}

/** Part of Orchestration. Every method is idempotent, and throws ApiError as its others do. */
export interface ConsoleOrchestration extends ConsoleSessionOrchestration, SystemVmOrchestration {}
