// Tickets shown in vain, by client address: each costs an orchestrator a transaction and the log a line, so that who guesses
// on is turned away before.

/** Tickets in vain within a minute after which an address waits for its end, and addresses that are remembered. */
const [mostGuesses, mostAddresses, windowMs] = [60, 10_000, 60_000];

export class Guesses {
  readonly #ofAddress = new Map<string, { count: number; readonly until: number }>();
  readonly #monotonicMs: () => number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Notes a ticket in vain. */
  note(address: string): void {
    const now = this.#monotonicMs();
    const known = this.#ofAddress.get(address);
    const entry = known !== undefined && known.until > now ? known : { count: 0, until: now + windowMs };
    entry.count += 1;
    // The newest last.
    this.#ofAddress.delete(address);
    this.#ofAddress.set(address, entry);
    const oldest = this.#ofAddress.keys().next();
    if (this.#ofAddress.size > mostAddresses && !oldest.done) this.#ofAddress.delete(oldest.value);
  }

  /** True while an address has to wait. */
  areTooMany(address: string): boolean {
    const known = this.#ofAddress.get(address);
    return known !== undefined && known.count >= mostGuesses && known.until > this.#monotonicMs();
  }
}
