// What differs between the kinds of appliance: what is made from its identity, and what its control API has besides.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AgentStatus, ApplianceKind, Identity } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { ConsoleLog } from './console-log.ts';
import type { ApplianceIdentity, FirstPush } from './identity-store.ts';

/** Takes the body of a request (null: none) and answers with that of its response; undefined is 204. */
export type Route = (body: unknown) => Promise<unknown>;

/** A request to upgrade its connection. `isAdmitted`: whether its peer's certificate is good still; false ends it. */
export interface UpgradeRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly isAdmitted: () => boolean;
}

/** What an appliance serves, by its document. */
export interface Served {
  /** Of the last good document, in force or not; null where there is none. */
  readonly stored: Identity | null;
  /** Serves what it served last, or what the config drive brought where that is newer. Never throws: see status. */
  begin(push: FirstPush): Promise<void>;
  status(): Promise<AgentStatus>;
  /** A path of the control API that this kind alone has, such as `POST /v1/push`. */
  route(name: string): Route | undefined;
  /** Takes an upgrade over, or ends its socket. Absent: none is. */
  upgrade?(upgrade: UpgradeRequest): void;
  /** Ends this process's part. */
  release(): Promise<void>;
}

/** What it is made from. `state` survives a start, `run` does not; absolute. */
export interface ServedParts {
  readonly host: Host & { readonly log: ConsoleLog };
  readonly paths: { readonly state: string; readonly run: string };
  readonly identity: ApplianceIdentity;
  /** Nothing of an appliance was put into this kernel since its boot. */
  readonly isNewKernel: boolean;
  /** To be called when a document has come into force. */
  readonly onServing: (identity: Identity) => void;
}

/** A kind of appliance. */
export interface ApplianceRole {
  /** Also the role of its images, and what its config drive has to say. */
  readonly kind: ApplianceKind;
  /**
   * True: its packet filter is in force before it brings a NIC up, and stands, as all that it serves, without its agent.
   * Else all is closed whenever the agent starts.
   */
  readonly keepsPacketFilter: boolean;
  create(parts: ServedParts): Promise<Served>;
}
