// Work that can wait: done once, some time after the last of many occasions for it, but never long after the first.
import type { Host } from '@isthmus/host';

const quietMs = 100;
const longestMs = 1_000;
const afterFailureMs = 2_000;

export class Quiet {
  readonly #host: Host;
  readonly #work: () => Promise<void>;
  readonly #end = new AbortController();
  #running: Promise<void> | null = null;
  #lastMs = 0;
  /** The work rests at least as long as it took, so that it never takes more than half of the time. */
  #notBeforeMs = 0;
  #failure: string | null = null;

  constructor(host: Host, work: () => Promise<void>) {
    this.#host = host;
    this.#work = work;
  }

  /** What the last attempt threw, or null where it succeeded. */
  get failure(): string | null {
    return this.#failure;
  }

  soon(): void {
    this.#lastMs = this.#host.clock.monotonicMs();
    if (this.#end.signal.aborted) return;
    this.#running ??= this.#run();
  }

  /** No work begins any more. */
  async end(): Promise<void> {
    this.#end.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      await this.#wait();
      if (this.#end.signal.aborted) return;
      // An occasion from here on is one for the next time.
      this.#running = null;
      await this.#attempt();
    } catch (error) {
      this.#running = null;
      if (!this.#end.signal.aborted) throw error;
    }
  }

  async #wait(): Promise<void> {
    const { clock } = this.#host;
    const latestMs = clock.monotonicMs() + longestMs;
    for (;;) {
      const dueMs = Math.max(Math.min(this.#lastMs + quietMs, latestMs), this.#notBeforeMs);
      const leftMs = dueMs - clock.monotonicMs();
      if (leftMs <= 0) return;
      await clock.sleep(leftMs, this.#end.signal);
    }
  }

  async #attempt(): Promise<void> {
    const { clock, log } = this.#host;
    const startedMs = clock.monotonicMs();
    try {
      await this.#work();
      this.#failure = null;
      this.#notBeforeMs = 2 * clock.monotonicMs() - startedMs;
    } catch (error) {
      this.#failure = error instanceof Error ? error.message : String(error);
      log.error('hosts that are gone are still answered for', { error });
      this.#notBeforeMs = clock.monotonicMs() + afterFailureMs;
      this.soon();
    }
  }
}
