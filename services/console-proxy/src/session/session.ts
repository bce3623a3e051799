// A session that is open: bytes both ways with back-pressure, its limits, and what its viewer may do.
import type { Duplex } from 'node:stream';
import type {
  ConsoleMode,
  ConsoleOpening,
  ConsoleProxyDocument,
  ConsoleReport,
  ConsoleViewer,
  PageMessage,
} from '@isthmus/contract';
import type { Clock } from '@isthmus/host';
import { ClientMessages, MalformedMessageError } from '../rfb/client-messages.ts';
import { proxyVersion, ViewerHandshake } from '../rfb/viewer-handshake.ts';
import { Over, viewerEndOf } from './over.ts';
import type { ConsoleDirectory } from './ports.ts';
import { readPieces } from './shared-buffer.ts';
import type { Viewer } from './viewer.ts';

type Limits = ConsoleProxyDocument['limits'];

/** A page hears something at least so often (`opened.aliveSeconds`): it has five seconds to be back after a proxy is gone. */
export const aliveSeconds = 2;

/** Between two choices of a page: each costs a transaction, and tells everybody who looks. */
const choiceMs = 250;

/** `serverInit`: what the RFB server said; null: bytes of a serial port. `over`: told once, unless `end` was called. */
export interface SessionParts {
  readonly viewer: Viewer;
  readonly stream: Duplex;
  readonly serverInit: Buffer | null;
  readonly opening: ConsoleOpening;
  /** Of the agent's own health check. */
  readonly isOwn: boolean;
  readonly clock: Clock;
  readonly directory: ConsoleDirectory;
  readonly over: (over: Over) => void;
}

export class Session {
  readonly id: string;
  readonly isOwn: boolean;
  readonly #parts: SessionParts;
  readonly #handshake: ViewerHandshake | null;
  readonly #messages: ClientMessages | null;
  readonly #startedMs: number;
  #mode: ConsoleMode;
  #viewers: readonly ConsoleViewer[];
  #isOver = false;
  #inputMs: number;
  #saidMs: number;
  #pingMs: number;
  /** Since when the viewer, or the target, takes nothing; null: it takes. */
  #viewerBlockedMs: number | null = null;
  #targetBlockedMs: number | null = null;
  #toClient = 0;
  #toTarget = 0;
  /** What the page asked for last, while another choice is being answered. */
  #wanted: ConsoleMode | null = null;
  #isChoosing = false;

  constructor(parts: SessionParts) {
    const { viewer, serverInit, opening, clock } = parts;
    const now = clock.monotonicMs();
    this.#parts = parts;
    this.id = opening.session;
    this.isOwn = parts.isOwn;
    this.#mode = opening.mode;
    this.#viewers = opening.viewers;
    this.#startedMs = now;
    this.#inputMs = now;
    this.#saidMs = now;
    this.#pingMs = now;
    const isScreen = serverInit !== null;
    this.#handshake = isScreen ? new ViewerHandshake(serverInit, (bytes) => viewer.send(bytes)) : null;
    this.#messages = isScreen ? new ClientMessages(opening.mode, (bytes) => this.#write(bytes)) : null;
  }

  /** Begins to relay; to be called once, when whoever made it knows it. */
  start(): void {
    const { viewer, stream } = this.#parts;
    stream.on('end', () => this.#finish(new Over('target', 'The console of the machine was closed.')));
    stream.on('close', () => this.#finish(new Over('target', 'The console of the machine was closed.')));
    stream.on('error', (error) =>
      this.#finish(new Over('target', 'The console of the machine was lost.', { detail: error.message })),
    );
    stream.on('drain', () => this.#targetDrained());
    viewer.listen({
      message: (message) => this.#message(message),
      bytes: (chunk) => this.#fromViewer(chunk),
      drained: () => this.#viewerDrained(),
      over: (reason, words) => this.#finish(new Over(reason, words)),
    });
    if (this.#handshake !== null) viewer.send(proxyVersion);
    else this.#readTarget();
  }

  report(): ConsoleReport['sessions'][number] {
    const idleMs = this.#parts.clock.monotonicMs() - this.#inputMs;
    return {
      session: this.id,
      idleSeconds: Math.max(0, Math.floor(idleMs / 1000)),
      bytesToClient: this.#toClient,
      bytesToTarget: this.#toTarget,
    };
  }

  /** What this session may do from now on, and who else is there; the page is told. */
  use(mode: ConsoleMode, viewers: readonly ConsoleViewer[]): void {
    if (this.#isOver) return;
    if (mode === 'watch' && this.#messages?.isAmbiguous === true) {
      this.#finish(new Over('moved', 'The connection is opened again to watch.'));
      return;
    }
    this.#mode = mode;
    this.#viewers = viewers;
    this.#messages?.use(mode);
    this.#parts.viewer.notice({ type: 'viewers', mode, viewers: [...viewers] });
  }

  /** Ends it without a word to `over`. */
  end(over: Over): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#parts.stream.destroy();
    this.#parts.viewer.end(viewerEndOf(over, true));
  }

  /** Looks at its limits; to be called every second or so. */
  sweep(limits: Limits): void {
    const { clock, viewer } = this.#parts;
    const now = clock.monotonicMs();
    // Notices wait for who does not read as well, also where the target says nothing.
    if (viewer.isBlocked) this.#viewerBlockedMs ??= now;
    const isPast = (since: number | null, seconds: number) =>
      since !== null && seconds > 0 && now - since >= seconds * 1000;
    if (isPast(this.#startedMs, limits.absoluteSeconds)) {
      this.#finish(new Over('absolute', 'The longest time of a console is over.'));
    } else if (isPast(this.#inputMs, limits.idleSeconds)) {
      this.#finish(new Over('idle', 'Nothing was typed or pointed at for too long.'));
    } else if (this.#handshake?.isDone === false && isPast(this.#startedMs, limits.handshakeSeconds)) {
      this.#finish(new Over('malformed', 'The viewer does not begin.'));
    } else if (isPast(this.#viewerBlockedMs, limits.pingSeconds)) {
      this.#finish(new Over('slow', 'The connection is too slow for this console.'));
    } else if (isPast(this.#targetBlockedMs, limits.pingSeconds)) {
      this.#finish(new Over('target', 'The console of the machine takes nothing.'));
    } else if (isPast(this.#pingMs, limits.pingSeconds)) {
      this.#pingMs = now;
      if (!viewer.ping()) this.#finish(new Over('closed', 'The viewer does not answer.'));
    }
    // A second early, so that a late sweep keeps the promise too.
    if (this.#isOver || this.#viewerBlockedMs !== null || !isPast(this.#saidMs, aliveSeconds - 1)) return;
    this.#saidMs = now;
    viewer.notice({ type: 'alive' });
  }

  #finish(over: Over): void {
    if (this.#isOver) return;
    this.end(over);
    this.#parts.over(over);
  }

  #readTarget(): void {
    const { stream, viewer, clock } = this.#parts;
    readPieces(stream, (piece) => {
      this.#toClient += piece.length;
      viewer.send(piece);
      if (viewer.isBlocked) {
        stream.pause();
        this.#viewerBlockedMs ??= clock.monotonicMs();
      }
      return viewer.holdsBytes;
    });
  }

  #viewerDrained(): void {
    if (this.#viewerBlockedMs === null) return;
    this.#viewerBlockedMs = null;
    this.#parts.stream.resume();
  }

  #targetDrained(): void {
    if (this.#targetBlockedMs === null) return;
    this.#targetBlockedMs = null;
    this.#parts.viewer.resume();
  }

  #fromViewer(chunk: Buffer): void {
    try {
      if (this.#messages === null) this.#fromTerminal(chunk);
      else this.#fromScreen(chunk, this.#messages);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      this.#finish(new Over('malformed', 'The viewer sent what is no message.', { detail: error.message }));
    }
  }

  #fromTerminal(chunk: Buffer): void {
    this.#inputMs = this.#parts.clock.monotonicMs();
    if (this.#mode === 'control') this.#write(chunk);
  }

  #fromScreen(chunk: Buffer, messages: ClientMessages): void {
    let rest = chunk;
    if (this.#handshake?.isDone === false) {
      rest = this.#handshake.push(chunk);
      if (!this.#handshake.isDone) return;
      this.#readTarget();
    }
    if (messages.push(rest)) this.#inputMs = this.#parts.clock.monotonicMs();
  }

  #write(bytes: Buffer): void {
    const { stream, viewer, clock } = this.#parts;
    if (this.#isOver || stream.destroyed) return;
    this.#toTarget += bytes.length;
    stream.write(bytes);
    if (!stream.writableNeedDrain || stream.writableLength === 0) return;
    viewer.pause();
    this.#targetBlockedMs ??= clock.monotonicMs();
  }

  #message(message: PageMessage): void {
    if (message.type !== 'choose') {
      this.#finish(new Over('malformed', 'The page sent a ticket a second time.'));
      return;
    }
    this.#wanted = message.mode;
    if (!this.#isChoosing) void this.#choose();
  }

  /** One question at a time, however often the page asks. */
  async #choose(): Promise<void> {
    this.#isChoosing = true;
    while (this.#wanted !== null && !this.#isOver) {
      const wanted = this.#wanted;
      this.#wanted = null;
      const answer = await this.#parts.directory.choose(this.id, wanted);
      if (answer.state === 'open') this.use(answer.mode, answer.viewers);
      else this.use(this.#mode, this.#viewers);
      await this.#parts.clock.sleep(choiceMs);
    }
    this.#isChoosing = false;
  }
}
