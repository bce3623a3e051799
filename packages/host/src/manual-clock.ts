import type { Clock } from './clock.ts';

interface Sleeper {
  readonly wakeAtMs: number;
  wake(): void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #elapsedMs = 0;
  readonly #startMs: number;
  #sleepers: Sleeper[] = [];

  /** `startMs`: what `now` answers at first, in milliseconds since 1970. */
  constructor(startMs = 0) {
    this.#startMs = startMs;
  }

  now(): number {
    return this.#startMs + this.#elapsedMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const sleeper: Sleeper = { wakeAtMs: this.#elapsedMs + ms, wake: resolve };
      this.#sleepers.push(sleeper);
      signal?.addEventListener('abort', () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(signal.reason);
      });
    });
  }

  /** Number of sleeps under way. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  /** Moves time on by `ms`, wakes in order whoever's time has come, and lets them run. */
  async advance(ms: number): Promise<void> {
    this.#elapsedMs += ms;
    const due = this.#sleepers.filter(({ wakeAtMs }) => wakeAtMs <= this.#elapsedMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => !due.includes(sleeper));
    for (const sleeper of due.sort((a, b) => a.wakeAtMs - b.wakeAtMs)) sleeper.wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
