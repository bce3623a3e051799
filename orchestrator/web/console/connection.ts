// One WebSocket to a console proxy: opens it, shows the ticket, tells what the proxy says.
import type { ConsoleMode, consoleSubprotocol, PageMessage, ProxyNotice } from '@isthmus/contract';
import { type ByteChannel, createChannel } from './channel.ts';
import { readNotice } from './notices.ts';

/** The contract's own value: its module would bring the schemas along. */
const subprotocol: typeof consoleSubprotocol = 'isthmus.console';
const normalClosure = 1000;
/** How late a sign of life may be that a proxy promised. */
const lateMs = 1000;
/** A browser itself waits minutes for a machine that is gone. */
const reachMs = 6000;

type Opened = Extract<ProxyNotice, { type: 'opened' }>;
type Ended = Extract<ProxyNotice, { type: 'ended' }>;

/** What becomes of a connection. After `ended`, `lost` or `garbled` it says nothing more. */
export interface ConnectionEvents {
  choose(notice: Extract<ProxyNotice, { type: 'choose' }>): void;
  opened(notice: Opened, channel: ByteChannel): void;
  viewers(notice: Extract<ProxyNotice, { type: 'viewers' }>): void;
  ended(notice: Ended): void;
  /** Without a farewell. `reached`: the proxy was spoken to, so that the ticket may be used up. */
  lost(reached: boolean): void;
  /** What arrived is nothing that this page understands. */
  garbled(error: unknown): void;
}

/** Opens it. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #events: ConnectionEvents;
  #reached = false;
  #over = false;
  #heard = 0;
  #watch: ReturnType<typeof setInterval> | undefined;
  readonly #reach: ReturnType<typeof setTimeout>;
  #feed: ReturnType<typeof createChannel> | null = null;

  constructor(url: string, credentials: { ticket: string; extra: string | null }, events: ConnectionEvents) {
    this.#events = events;
    this.#socket = new WebSocket(url, subprotocol);
    this.#socket.binaryType = 'arraybuffer';
    this.#reach = setTimeout(() => this.#end(() => this.#events.lost(false)), reachMs);
    this.#socket.onopen = () => {
      this.#reached = true;
      clearTimeout(this.#reach);
      const { ticket, extra } = credentials;
      this.#send({ type: 'open', ticket, ...(extra === null ? {} : { extra }) });
    };
    this.#socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#receive(data);
    this.#socket.onclose = () => this.#end(() => this.#events.lost(this.#reached));
  }

  /** Answers `choose`, takes control over, or gives it up. */
  choose(mode: ConsoleMode): void {
    this.#send({ type: 'choose', mode });
  }

  /** Leaves, without a word to the events. */
  close(): void {
    this.#end(() => undefined);
  }

  #send(message: PageMessage): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #receive(data: unknown): void {
    if (this.#over) return;
    this.#heard = performance.now();
    if (data instanceof ArrayBuffer) {
      this.#feed?.deliver(data);
      return;
    }
    const notice = typeof data === 'string' ? readNotice(data) : null;
    if (notice === null) this.#end(() => this.#events.garbled(new Error('a notice of the proxy is none')));
    else this.#heed(notice);
  }

  #heed(notice: ProxyNotice): void {
    switch (notice.type) {
      case 'alive':
        break;
      case 'choose':
        this.#events.choose(notice);
        break;
      case 'opened':
        this.#open(notice);
        break;
      case 'viewers':
        this.#events.viewers(notice);
        break;
      case 'ended':
        this.#end(() => this.#events.ended(notice));
    }
  }

  #open(notice: Opened): void {
    this.#feed = createChannel(
      (data) => {
        if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data);
      },
      (error) => this.#end(() => this.#events.garbled(error)),
    );
    if (notice.aliveSeconds !== undefined) this.#expectLife(notice.aliveSeconds * 1000 + lateMs);
    this.#events.opened(notice, this.#feed.channel);
  }

  /** Frames that wait in a page that slept are heard before the next look. */
  #expectLife(longestMs: number): void {
    let late = false;
    this.#watch = setInterval(() => {
      const silent = performance.now() - this.#heard > longestMs;
      if (silent && late) this.#end(() => this.#events.lost(true));
      late = silent;
    }, 250);
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.#over = true;
    clearInterval(this.#watch);
    clearTimeout(this.#reach);
    this.#feed?.end();
    this.#socket.close(normalClosure);
    tell();
  }
}
