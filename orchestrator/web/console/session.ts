// A console from its ticket to its end, over as many connections as it takes: a proxy that dies is left for another.
import type { ConsoleKind, ConsoleMode, ConsoleViewer } from '@isthmus/contract';
import type { ByteChannel } from './channel.ts';
import type { ConsoleProxy } from './configuration.ts';
import { Connection } from './connection.ts';
import { readResumeAnswer } from './notices.ts';

/** Why a session is over, beside the reasons of the contract. */
export type PageReason =
  | 'no-ticket'
  | 'no-proxy'
  | 'unreachable'
  | 'garbled'
  | 'silent'
  | 'unloaded'
  | 'refused'
  | 'left';

/** Where a session stands. */
export type SessionState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'choosing'; readonly viewers: readonly ConsoleViewer[] }
  | {
      readonly kind: 'open';
      readonly machine: string;
      readonly console: ConsoleKind;
      readonly mode: ConsoleMode;
      readonly viewers: readonly ConsoleViewer[];
    }
  | { readonly kind: 'reconnecting'; readonly attempt: number }
  /** `reason`: ConsoleReason of the contract, or PageReason. `canReturn`: trying again may help. */
  | { readonly kind: 'ended'; readonly reason: string; readonly message: string; readonly canReturn: boolean };

export interface SessionOptions {
  readonly proxies: readonly ConsoleProxy[];
  readonly ticket: string;
  /** Id of the proxy that the link names. */
  readonly proxy: string | null;
  readonly extra: string | null;
  /** Mode to take where others have the console; null: the person is asked. */
  readonly mode: ConsoleMode | null;
  readonly onState: (state: SessionState) => void;
  /** The console's bytes; a new channel for each connection. */
  readonly onChannel: (channel: ByteChannel, kind: ConsoleKind) => void;
  /** The session goes on at a proxy that this page may not reach: the page has to load itself again with this. */
  readonly onStranger: (next: { ticket: string; proxy: string; mode: ConsoleMode }) => void;
}

const resumePath = '/console/resume';
/** How long a first proxy is tried for: a ticket lives 30 s at most. */
const openingMs = 20_000;
const firstPauseMs = 200;
const longestPauseMs = 5000;
const fetchLimitMs = 5000;

/** Begins with `start`. */
export class ConsoleSession {
  readonly #options: SessionOptions;
  #started = 0;
  #connection: Connection | null = null;
  #state: SessionState = { kind: 'connecting' };
  #proxy: ConsoleProxy | undefined;
  #tries = 0;
  #attempt = 0;
  #resume: string | null = null;
  #mode: ConsoleMode | null;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #asking = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#mode = options.mode;
  }

  /** Opens the console. */
  start(): void {
    const options = this.#options;
    this.#started = performance.now();
    this.#proxy = options.proxies.find(({ id }) => id === options.proxy) ?? options.proxies[0];
    if (this.#proxy === undefined) {
      this.#become({ kind: 'ended', reason: 'no-proxy', message: '', canReturn: false });
      return;
    }
    this.#become(this.#state);
    this.#connect(this.#proxy, options.ticket, options.extra);
  }

  /** Answers `choosing`, takes control over, or gives it up. */
  choose(mode: ConsoleMode): void {
    this.#mode = mode;
    this.#connection?.choose(mode);
    if (this.#state.kind === 'choosing') this.#become({ kind: 'connecting' });
  }

  /** Tries now what would be tried later, or again what had failed. */
  retry(): void {
    if (this.#resume === null || this.#state.kind === 'open') return;
    this.#attempt = 0;
    this.#return();
  }

  /** Leaves the console. */
  leave(): void {
    this.#finish('left', '', this.#resume !== null);
  }

  /** The console cannot be shown: `reason` says why. */
  fail(reason: 'garbled' | 'silent' | 'unloaded'): void {
    this.#finish(reason, '', this.#resume !== null);
  }

  #become(state: SessionState): void {
    this.#state = state;
    this.#options.onState(state);
  }

  #finish(reason: string, message: string, canReturn: boolean): void {
    clearTimeout(this.#pause);
    this.#connection?.close();
    this.#connection = null;
    if (this.#state.kind !== 'ended') this.#become({ kind: 'ended', reason, message, canReturn });
  }

  #connect(proxy: ConsoleProxy, ticket: string, extra: string | null): void {
    this.#proxy = proxy;
    this.#connection?.close();
    this.#connection = new Connection(
      proxy.socket,
      { ticket, extra },
      {
        choose: ({ viewers }) => this.#choosing(viewers),
        opened: (notice, channel) => {
          this.#resume = notice.resume;
          this.#mode = notice.mode;
          this.#attempt = 0;
          const { machine, console: kind, mode, viewers } = notice;
          this.#become({ kind: 'open', machine, console: kind, mode, viewers });
          this.#options.onChannel(channel, kind);
        },
        viewers: ({ mode, viewers }) => {
          this.#mode = mode;
          if (this.#state.kind === 'open') this.#become({ ...this.#state, mode, viewers });
        },
        ended: ({ reason, message, resumable }) => {
          if (resumable && this.#resume !== null) this.#lose();
          else this.#finish(reason, message, false);
        },
        lost: (reached) => {
          if (this.#state.kind === 'open') this.#lose();
          // Where the proxy cannot be reached yet, the orchestrator may not know so yet either.
          else if (this.#resume !== null) this.#askLater(this.#backOffMs());
          else this.#tryAnother(reached, ticket, extra);
        },
        garbled: () => this.#finish('garbled', '', this.#resume !== null),
      },
    );
  }

  #choosing(viewers: readonly ConsoleViewer[]): void {
    if (this.#mode === null) this.#become({ kind: 'choosing', viewers });
    // Who comes back takes nothing from anybody.
    else if (this.#mode === 'control' && !viewers.some(({ mode }) => mode === 'control'))
      this.#connection?.choose('control');
    else this.#connection?.choose('watch');
  }

  /** A first connection that failed: the ticket is as good at another proxy of the zone, unless it was shown already. */
  #tryAnother(reached: boolean, ticket: string, extra: string | null): void {
    this.#tries += 1;
    const { proxies } = this.#options;
    const index = proxies.findIndex(({ id }) => id === this.#proxy?.id);
    const next = proxies[(index + 1) % proxies.length];
    if (reached || next === undefined || performance.now() - this.#started > openingMs) {
      this.#finish('unreachable', '', false);
      return;
    }
    const pauseMs = Math.min(longestPauseMs, firstPauseMs * 2 ** this.#tries);
    this.#pause = setTimeout(() => this.#connect(next, ticket, extra), pauseMs);
  }

  #lose(): void {
    this.#connection?.close();
    this.#connection = null;
    this.#return();
  }

  #return(): void {
    clearTimeout(this.#pause);
    this.#become({ kind: 'reconnecting', attempt: this.#attempt });
    if (!this.#asking) void this.#ask();
  }

  #backOffMs(): number {
    return Math.min(longestPauseMs, firstPauseMs * 2 ** this.#attempt);
  }

  #askLater(pauseMs: number): void {
    this.#attempt += 1;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#return(), pauseMs);
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const answer = await this.#askOnce();
    this.#asking = false;
    if (this.#state.kind !== 'reconnecting') return;
    if (answer === null) this.#askLater(this.#backOffMs());
    else if (answer.state === 'again') this.#askLater(Math.max(0.1, Math.min(10, answer.seconds)) * 1000);
    else if (answer.state === 'refused') this.#finish(answer.reason ?? 'refused', answer.message, false);
    else this.#goTo(answer);
  }

  async #askOnce() {
    try {
      const response = await fetch(resumePath, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resume: this.#resume, ...(this.#proxy === undefined ? {} : { proxy: this.#proxy.id }) }),
        signal: AbortSignal.timeout(fetchLimitMs),
        cache: 'no-store',
        redirect: 'error',
      });
      return readResumeAnswer(await response.text());
    } catch {
      return null;
    }
  }

  #goTo({ ticket, proxy: id, socket }: { ticket: string; proxy: string; socket: string }): void {
    const known = this.#options.proxies.find((proxy) => proxy.id === id && proxy.socket === socket);
    if (known !== undefined) this.#connect(known, ticket, this.#options.extra);
    else this.#options.onStranger({ ticket, proxy: id, mode: this.#mode ?? 'watch' });
  }
}
