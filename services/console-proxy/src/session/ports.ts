// What a console proxy needs of others: who decides over tickets, and the way to a console of the proxy's own host.
import type { Duplex } from 'node:stream';
import type { ConsoleAnswer, ConsoleMode, ConsoleReason, ConsoleRequest, ConsoleTarget } from '@isthmus/contract';
import type { Host } from '@isthmus/host';

/** What redeems a ticket, without the id of the request, which whoever carries it chooses. */
export type TicketRequest = Omit<Extract<ConsoleRequest, { readonly kind: 'redeem' }>, 'kind' | 'id'>;

/**
 * The orchestrators. Neither method rejects: where none can be asked, or none answers in time, the answer is
 * `refused` with the reason `unavailable`. Whoever asks bounds the time as well.
 */
export interface ConsoleDirectory {
  redeem(request: TicketRequest): Promise<ConsoleAnswer>;
  /**
   * For a session that was answered `choose`: `open`, or `refused`. For one that is open: `open`, of which only `mode` and
   * `viewers` count, or `refused`, and then nothing has changed.
   */
  choose(session: string, mode: ConsoleMode): Promise<ConsoleAnswer>;
}

export type DoorTarget = Extract<ConsoleTarget, { readonly kind: 'door' }>;

/**
 * Goes through the door of the proxy's own host. Resolves once raw bytes flow. Rejects with what a log may show; the
 * secret must not be in it. An abort ends the attempt.
 */
export type OpenDoor = (target: DoorTarget, signal: AbortSignal) => Promise<Duplex>;

/** What a ConsoleProxy is made of. */
export interface ConsoleProxyParts {
  readonly host: Pick<Host, 'clock' | 'log' | 'sockets'>;
  readonly directory: ConsoleDirectory;
  readonly openDoor: OpenDoor;
  /** A session that was open, or that was being opened, is over; for ProxyMessage `ended`. Not called for `end`. */
  readonly ended: (session: string, reason: ConsoleReason) => void;
  /**
   * True for a connection of the agent's own health check, by its client's address and port: no limit counts it or keeps it
   * out, it is opened while draining, and reports leave it out. Absent: none is.
   */
  readonly isOwn?: (address: string, port: number) => boolean;
}
