// What the log says of those who are turned away: the first of each kind, and then how many, so that nobody fills it.
import type { Log } from '@isthmus/host';

export class Refusals {
  readonly #log: Log;
  readonly #more = new Map<string, number>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `why` is one of few, and holds nothing that the peer said. */
  note(why: string, peer: string): void {
    const more = this.#more.get(why);
    this.#more.set(why, more === undefined ? 0 : more + 1);
    if (more === undefined) this.#log.warn('a connection was refused', { why, peer });
  }

  /** Says how many more there were since it was called the last time. */
  sweep(): void {
    for (const [why, connections] of this.#more) {
      if (connections > 0) this.#log.warn('more connections were refused', { why, connections });
    }
    this.#more.clear();
  }
}
