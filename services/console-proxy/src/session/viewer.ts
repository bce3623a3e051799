// One WebSocket of a page, or of a client of CloudStack: frames as console-socket.ts has them, and how it is told its end.
import type { Socket } from 'node:net';
import {
  type CloseReason,
  type ConsoleReason,
  closeCodeOf,
  type PageMessage,
  PageMessageSchema,
  type ProxyNotice,
  validator,
} from '@isthmus/contract';
import type { WebSocket } from 'ws';
import type { PlainTicket } from '../web/upgrade-request.ts';

/** Most bytes of a text frame. */
const textLimit = 4096;
const binary = { binary: true } as const;
const pageMessage = validator(PageMessageSchema);

/** How a connection ends. `close`: the reason of the WebSocket's close frame. */
export interface ViewerEnd {
  readonly reason: ConsoleReason;
  readonly message: string;
  readonly resumable: boolean;
  readonly close: CloseReason;
}

/** What a viewer does. `over` is called once at most, where the viewer itself is the reason. */
export interface ViewerListener {
  message(message: PageMessage): void;
  bytes(chunk: Buffer): void;
  drained(): void;
  over(reason: 'closed' | 'malformed', words: string): void;
}

/** What a text frame says; null: nothing that a page says. */
function parse(data: Buffer): PageMessage | null {
  if (data.length > textLimit) return null;
  try {
    const message: unknown = JSON.parse(data.toString());
    return pageMessage.check(message) ? message : null;
  } catch {
    return null;
  }
}

export class Viewer {
  /** The ticket of the request, of a client that speaks no frames; null: of a page. */
  readonly plain: PlainTicket | null;
  readonly origin: string;
  readonly address: string;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  #listener: ViewerListener | null = null;
  #isOver = false;
  #isAlive = true;

  constructor(
    webSocket: WebSocket,
    socket: Socket,
    request: { readonly plain: PlainTicket | null; readonly origin: string; readonly address: string },
  ) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.plain = request.plain;
    this.origin = request.origin;
    this.address = request.address;
    webSocket.on('message', (data, isBinary) => this.#take(data as Buffer, isBinary));
    webSocket.on('pong', () => {
      this.#isAlive = true;
    });
    // A protocol error of WebSocket; the library closes the connection.
    webSocket.on('error', (error) => this.#overBy('malformed', error.message));
    webSocket.on('close', () => this.#overBy('closed', 'the connection was closed'));
    socket.on('drain', () => this.#listener?.drained());
  }

  /** Who hears of this viewer from now on. */
  listen(listener: ViewerListener): void {
    this.#listener = listener;
    if (this.#isOver) listener.over('closed', 'the connection was closed');
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** True where something that was sent waits in this process. */
  get holdsBytes(): boolean {
    return this.#socket.writableLength > 0;
  }

  /** True where so much waits that no more should be sent until `drained`. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain && this.holdsBytes;
  }

  /** Console bytes. */
  send(bytes: Buffer): void {
    if (!this.#isOver) this.#webSocket.send(bytes, binary);
  }

  /** Nothing where the client speaks no frames. */
  notice(notice: ProxyNotice): void {
    if (!this.#isOver && this.plain === null) this.#webSocket.send(JSON.stringify(notice));
  }

  /** Takes no more frames until `resume`. */
  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  /** False where nothing came from it since it was asked the last time. Asks again. */
  ping(): boolean {
    const wasAlive = this.#isAlive;
    this.#isAlive = false;
    if (!this.#isOver) this.#webSocket.ping();
    return wasAlive;
  }

  /** The last notice, and the close frame; the connection is gone soon after, also where nobody reads them. */
  end({ reason, message, resumable, close }: ViewerEnd): void {
    if (this.#isOver) return;
    this.notice({ type: 'ended', reason, message, resumable });
    this.#isOver = true;
    this.#listener = null;
    // The answer to the close frame has to be read.
    this.#webSocket.resume();
    this.#webSocket.close(closeCodeOf(close), close);
  }

  #take(data: Buffer, isBinary: boolean): void {
    this.#isAlive = true;
    if (this.#isOver) return;
    if (isBinary) this.#listener?.bytes(data);
    else {
      const message = this.plain === null ? parse(data) : null;
      if (message === null) this.#overBy('malformed', 'a text frame that is none of a page');
      else this.#listener?.message(message);
    }
  }

  /** A malformed frame is told by whoever listens, by `end`. */
  #overBy(reason: 'closed' | 'malformed', words: string): void {
    if (this.#isOver) return;
    if (reason === 'closed') this.#isOver = true;
    this.#listener?.over(reason, words);
  }
}
