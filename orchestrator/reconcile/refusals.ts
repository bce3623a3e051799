// Refusals on their way to whoever asked for the change: the push that carried a rule may have been another's.
import type { ApiError } from '../model/api-error.ts';

/** Refusals that nobody has asked for yet, and are remembered at most. */
const mostUnasked = 1000;

/** A wait for the end of a rule's change. */
export interface RefusalWatch {
  /** Why the rule was put back since the watch began. */
  readonly refusal: () => ApiError | undefined;
  readonly end: () => void;
}

/** Tells why rules were put back to those who wait for them, and to one who only begins to. */
export class RuleRefusals {
  readonly #watches = new Map<string, Set<(error: ApiError) => void>>();
  readonly #unasked = new Map<string, ApiError>();

  /** A rule was put back. */
  tell(id: string, error: ApiError): void {
    const watches = this.#watches.get(id);
    for (const watch of watches ?? []) watch(error);
    if (watches !== undefined) return;
    this.#unasked.set(id, error);
    const [oldest] = this.#unasked.keys();
    if (this.#unasked.size > mostUnasked && oldest !== undefined) this.#unasked.delete(oldest);
  }

  /** Why a rule was put back before anyone watched it; told once. */
  take(id: string): ApiError | undefined {
    const error = this.#unasked.get(id);
    this.#unasked.delete(id);
    return error;
  }

  /** Hears of a rule from now on, until `end`. */
  watch(id: string): RefusalWatch {
    let refusal: ApiError | undefined;
    const watches = this.#watches.get(id) ?? new Set();
    this.#watches.set(id, watches);
    const hear = (error: ApiError) => {
      refusal = error;
    };
    watches.add(hear);
    return {
      refusal: () => refusal,
      end: () => {
        watches.delete(hear);
        if (watches.size === 0) this.#watches.delete(id);
      },
    };
  }
}
