// This orchestrator's channel to one console proxy: opened by it, opened again where it is lost.
import { type OrchestratorMessage, type ProxyMessage, ProxyMessageSchema, validator } from '@isthmus/contract';
import type { WebSocket } from 'ws';
import type { Log } from '../../store/log.ts';

const message = validator(ProxyMessageSchema);

/** Between two attempts to open a channel. */
const retryMs = 1_000;
/** Between two pings; a proxy that did not answer the last one is not there. */
const pingMs = 4_000;
/** Requests of one proxy that are worked on at once, and those that wait; a proxy with more of them is not heard further. */
const [mostAtOnce, mostWaiting] = [16, 2_000];
/** Of a proxy whose messages nobody reads, so that they are kept for it. */
const mostBufferedBytes = 8 * 1024 * 1024;

export interface ChannelOptions {
  readonly proxyId: string;
  /** A WebSocket to the proxy, open. Rejects where it cannot be had. */
  readonly open: () => Promise<WebSocket>;
  /** Works on a message; what it answers with is sent. */
  readonly heed: (message: ProxyMessage) => Promise<readonly OrchestratorMessage[]>;
  readonly log: Log;
}

export class ConsoleChannel {
  readonly #options: ChannelOptions;
  #socket: WebSocket | null = null;
  #isClosed = false;
  #timer: NodeJS.Timeout | null = null;
  #wasWarned = false;
  #atOnce = 0;
  readonly #waiting: ProxyMessage[] = [];

  constructor(options: ChannelOptions) {
    this.#options = options;
    void this.#connect();
  }

  /** True once the proxy was heard on it. */
  isOpen = false;

  /** False where the channel is not open: the proxy is told by its next report. */
  send(outgoing: OrchestratorMessage): boolean {
    const socket = this.#socket;
    if (socket === null || socket.readyState !== socket.OPEN) return false;
    socket.send(JSON.stringify(outgoing));
    if (socket.bufferedAmount > mostBufferedBytes) socket.terminate();
    return true;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#socket?.terminate();
  }

  async #connect(): Promise<void> {
    try {
      const socket = await this.#options.open();
      if (this.#isClosed) return socket.terminate();
      this.#serve(socket);
    } catch (error) {
      if (!this.#wasWarned) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log.warn('a console proxy is not reached', { proxy: this.#options.proxyId, reason });
      }
      this.#wasWarned = true;
      this.#again();
    }
  }

  #again(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#connect(), retryMs);
  }

  #serve(socket: WebSocket): void {
    this.#socket = socket;
    let isAlive = true;
    const ping = setInterval(() => {
      if (!isAlive) return socket.terminate();
      isAlive = false;
      socket.ping();
    }, pingMs);
    socket.on('pong', () => {
      isAlive = true;
    });
    socket.on('message', (data, isBinary) => {
      isAlive = true;
      this.#take(socket, isBinary ? '' : String(data));
    });
    socket.resume();
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      clearInterval(ping);
      this.#socket = null;
      this.isOpen = false;
      this.#waiting.length = 0;
      this.#again();
    });
  }

  #take(socket: WebSocket, text: string): void {
    const { log, proxyId } = this.#options;
    const incoming = parse(text);
    if (!message.check(incoming)) {
      log.warn('a console proxy sends what is no message', { proxy: proxyId, bytes: text.length });
      socket.terminate();
      return;
    }
    this.isOpen = true;
    this.#wasWarned = false;
    // The newest report is the whole of it.
    const older = incoming.kind === 'report' ? this.#waiting.findIndex(({ kind }) => kind === 'report') : -1;
    if (older >= 0) this.#waiting.splice(older, 1);
    this.#waiting.push(incoming);
    if (this.#waiting.length > mostWaiting) {
      log.warn('a console proxy asks faster than it is answered', { proxy: proxyId });
      socket.terminate();
      return;
    }
    this.#work();
  }

  #work(): void {
    while (this.#atOnce < mostAtOnce) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#atOnce += 1;
      void this.#answer(next).finally(() => {
        this.#atOnce -= 1;
        this.#work();
      });
    }
  }

  async #answer(incoming: ProxyMessage): Promise<void> {
    try {
      for (const outgoing of await this.#options.heed(incoming)) this.send(outgoing);
    } catch (error) {
      // The proxy asks again, or another orchestrator.
      this.#options.log.error('a message of a console proxy failed', {
        proxy: this.#options.proxyId,
        kind: incoming.kind,
        error,
      });
    }
  }
}

/** Undefined where the text is not JSON. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
