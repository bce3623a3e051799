// Requests that wait for an orchestrator's answer: put to the channel that answered last, again to another one where that
// is gone or silent, and given up after ten seconds.
import type { ConsoleAnswer, ConsoleRequest } from '@isthmus/contract';
import type { Clock } from '@isthmus/host';
import type { Channel } from './channel.ts';

/** A channel that has not answered in this time is given up for this request; its late answer still counts. */
const againMs = 3_000;
const giveUpMs = 10_000;

const unavailable: ConsoleAnswer = {
  state: 'refused',
  reason: 'unavailable',
  message: 'Nobody answers who could open the console. Try again in a moment.',
};

interface Waiting {
  readonly request: ConsoleRequest;
  readonly resolve: (answer: ConsoleAnswer) => void;
  /** Channels that it was put to. */
  readonly tried: Set<Channel>;
  /** The one that may answer still in its time. */
  current: Channel | null;
  putAt: number;
}

export class Requests {
  readonly #clock: Clock;
  readonly #channels: ReadonlySet<Channel>;
  readonly #waiting = new Map<string, Waiting>();

  /** `channels`: those that are open, whoever adds to them and takes from them. */
  constructor(clock: Clock, channels: ReadonlySet<Channel>) {
    this.#clock = clock;
    this.#channels = channels;
  }

  /** Never rejects: `unavailable` where nobody answers in time. */
  async ask(request: ConsoleRequest): Promise<ConsoleAnswer> {
    const { promise, resolve } = Promise.withResolvers<ConsoleAnswer>();
    const waiting: Waiting = { request, resolve, tried: new Set(), current: null, putAt: 0 };
    this.#waiting.set(request.id, waiting);
    const ended = new AbortController();
    void this.#pursue(waiting, ended.signal);
    const answer = await promise;
    ended.abort();
    this.#waiting.delete(request.id);
    return answer;
  }

  /** The answer to a request. False where none waits for it any more. */
  answer(id: string, answer: ConsoleAnswer): boolean {
    const waiting = this.#waiting.get(id);
    waiting?.resolve(answer);
    return waiting !== undefined;
  }

  /** A channel came or went. */
  changed(): void {
    for (const waiting of this.#waiting.values()) this.#put(waiting);
  }

  /** Nobody will answer any more. */
  giveUp(): void {
    for (const { resolve } of this.#waiting.values()) resolve(unavailable);
  }

  async #pursue(waiting: Waiting, signal: AbortSignal): Promise<void> {
    const until = this.#clock.monotonicMs() + giveUpMs;
    while (!signal.aborted) {
      const now = this.#clock.monotonicMs();
      if (now >= until) {
        waiting.resolve(unavailable);
        return;
      }
      if (waiting.current !== null && now - waiting.putAt >= againMs) waiting.current = null;
      this.#put(waiting);
      const nextMs = waiting.current === null ? until - now : Math.min(until - now, waiting.putAt + againMs - now);
      await this.#clock.sleep(Math.max(1, nextMs), signal).catch(() => {});
    }
  }

  /** Puts it to the next channel where none has it. */
  #put(waiting: Waiting): void {
    if (waiting.current !== null && this.#channels.has(waiting.current)) return;
    const next = [...this.#channels]
      .filter((channel) => !waiting.tried.has(channel))
      .sort((a, b) => b.answeredAt - a.answeredAt)[0];
    waiting.current = next ?? null;
    if (next === undefined) return;
    waiting.tried.add(next);
    waiting.putAt = this.#clock.monotonicMs();
    next.send(waiting.request);
  }
}
