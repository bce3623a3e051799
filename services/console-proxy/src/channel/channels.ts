// The orchestrators as the proxy knows them: whoever has opened a channel (packages/contract/src/console-proxy.ts).
import { randomUUID } from 'node:crypto';
import type { UpgradeRequest } from '@isthmus/agent/appliance';
import {
  type ConsoleAnswer,
  type ConsoleMode,
  type ConsoleReason,
  type ConsoleReport,
  type ConsoleViewer,
  consoleReportSeconds,
  type OrchestratorMessage,
} from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { WebSocketServer } from 'ws';
import type { ConsoleDirectory, TicketRequest } from '../session/ports.ts';
import { Channel } from './channel.ts';
import { Requests } from './requests.ts';

const path = '/v1/console/channel';
/** Bytes of a message: an answer with the certificates of four authorities is some 300 KB at most. */
const maxPayload = 512 * 1024;
/** One for each orchestrator, and those of a start before that are not known to be dead yet. */
const mostChannels = 32;

/** What the orchestrators say of sessions, and what they are told of them. */
export interface ChannelParts {
  readonly host: Pick<Host, 'clock' | 'log'>;
  readonly end: (session: string, reason: ConsoleReason, message: string) => void;
  readonly viewers: (session: string, mode: ConsoleMode, viewers: readonly ConsoleViewer[]) => void;
  readonly report: () => Omit<ConsoleReport, 'kind'>;
}

export class Channels implements ConsoleDirectory {
  readonly #parts: ChannelParts;
  readonly #channels = new Set<Channel>();
  readonly #requests: Requests;
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
  });
  readonly #ended = new AbortController();

  /** Reports from now on. */
  constructor(parts: ChannelParts) {
    this.#parts = parts;
    this.#requests = new Requests(parts.host.clock, this.#channels);
    void this.#reportOften();
  }

  /** Takes over a request to upgrade, or ends its socket. */
  accept({ request, socket, head, isAdmitted }: UpgradeRequest): void {
    const isFull = this.#channels.size >= mostChannels;
    if (request.url !== path || isFull || this.#ended.signal.aborted) {
      const status = request.url === path ? '503 Service Unavailable' : '404 Not Found';
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const channel: Channel = new Channel(webSocket, this.#parts.host, isAdmitted, {
        message: (message) => this.#take(channel, message),
        closed: () => {
          this.#channels.delete(channel);
          this.#requests.changed();
        },
      });
      this.#channels.add(channel);
      channel.send({ kind: 'report', ...this.#parts.report() });
      this.#requests.changed();
    });
  }

  /** How many orchestrators there are. */
  get count(): number {
    return this.#channels.size;
  }

  redeem(request: TicketRequest): Promise<ConsoleAnswer> {
    return this.#requests.ask({ kind: 'redeem', id: randomUUID(), ...request });
  }

  choose(session: string, mode: ConsoleMode): Promise<ConsoleAnswer> {
    return this.#requests.ask({ kind: 'choose', id: randomUUID(), session, mode });
  }

  /** Tells that a session is over. Who does not hear it misses the session in the next report. */
  ended(session: string, reason: ConsoleReason): void {
    for (const channel of this.#channels) channel.send({ kind: 'ended', session, reason });
  }

  /** Tells all orchestrators now, as every `consoleReportSeconds`. */
  report(): void {
    if (this.#channels.size === 0) return;
    const report = this.#parts.report();
    for (const channel of this.#channels) channel.send({ kind: 'report', ...report });
  }

  /** Ends every channel, and gives up what waits for an answer. */
  close(): void {
    this.#ended.abort();
    for (const channel of this.#channels) channel.close();
    this.#requests.giveUp();
    this.#server.close();
  }

  async #reportOften(): Promise<void> {
    const { signal } = this.#ended;
    const { clock } = this.#parts.host;
    while (!signal.aborted) {
      await clock.sleep(consoleReportSeconds * 1000, signal).catch(() => {});
      if (!signal.aborted) this.report();
    }
  }

  #take(channel: Channel, message: OrchestratorMessage): void {
    switch (message.kind) {
      case 'answer':
        channel.answeredAt = this.#parts.host.clock.monotonicMs();
        this.#requests.answer(message.id, message.answer);
        return;
      case 'end':
        this.#parts.end(message.session, message.reason, message.message);
        return;
      case 'viewers':
        this.#parts.viewers(message.session, message.mode, message.viewers);
    }
  }
}
