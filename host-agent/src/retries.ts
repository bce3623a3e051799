// How often a machine that keeps failing is made again: at once the first time, then with growing pauses.

/** After this many attempts in a row a machine counts as one that does not come up. */
export const patience = 4;
const firstPauseMs = 2000;
const longestPauseMs = 60_000;
/** A machine that has run for this long has come up. */
const steadyMs = 60_000;

interface Turn {
  readonly attempts: number;
  readonly atMs: number;
}

export class Retries {
  readonly #nowMs: () => number;
  readonly #turns = new Map<string, Turn>();

  /** `nowMs` is a clock that never goes back. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** True where the pause after the last attempt is over. */
  isDue(id: string): boolean {
    const turn = this.#turns.get(id);
    if (turn === undefined) return true;
    return this.#nowMs() >= turn.atMs + pauseMs(turn.attempts);
  }

  /** Notes an attempt and answers with how many there were in a row. */
  begin(id: string): number {
    const attempts = (this.#turns.get(id)?.attempts ?? 0) + 1;
    this.#turns.set(id, { attempts, atMs: this.#nowMs() });
    return attempts;
  }

  /** Attempts in a row so far. */
  attempts(id: string): number {
    return this.#turns.get(id)?.attempts ?? 0;
  }

  /** Called for what runs; true where it has come up for good after attempts, which are then forgotten. */
  settle(id: string): boolean {
    const turn = this.#turns.get(id);
    if (turn === undefined || this.#nowMs() < turn.atMs + steadyMs) return false;
    this.#turns.delete(id);
    return true;
  }

  /** Someone ordered something: what came before does not count. */
  forget(id: string): void {
    this.#turns.delete(id);
  }
}

function pauseMs(attempts: number): number {
  return attempts <= 1 ? firstPauseMs : Math.min(firstPauseMs * 2 ** (attempts - 1), longestPauseMs);
}
