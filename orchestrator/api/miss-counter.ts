// Slows down who guesses: tokens that open nothing, counted by the address that they came from.

/** Misses of one address within a minute before it has to wait, and addresses that are remembered. */
const [mostMisses, mostAddresses] = [20, 10_000];
const windowMs = 60_000;

/** Counts misses by address. */
export class MissCounter {
  readonly #now: () => number;
  readonly #misses = new Map<string, { count: number; until: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Seconds to wait; 0: go ahead. */
  waitSeconds(address: string): number {
    const found = this.#misses.get(address);
    if (found === undefined || found.count < mostMisses) return 0;
    return Math.max(0, Math.ceil((found.until - this.#now()) / 1000));
  }

  missed(address: string): void {
    const found = this.#misses.get(address);
    const isCurrent = found !== undefined && found.until > this.#now();
    this.#misses.delete(address);
    this.#misses.set(address, {
      count: isCurrent ? found.count + 1 : 1,
      until: isCurrent ? found.until : this.#now() + windowMs,
    });
    const oldest = this.#misses.keys().next();
    if (this.#misses.size > mostAddresses && !oldest.done) this.#misses.delete(oldest.value);
  }
}
