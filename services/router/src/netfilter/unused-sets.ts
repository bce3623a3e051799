import type { Clock } from '@isthmus/host';
import type { NetfilterKernel } from './kernel.ts';

/** The kernel lets go of a replaced rule's sets a moment after the change, so that destroying one may have to wait. */
const attempts = 5;
const pauseMs = 10;

/** Sets that no rule names any more and that have yet to be destroyed; what is left over goes with the next change. */
export class UnusedSets {
  readonly #kernel: NetfilterKernel;
  readonly #clock: Clock;
  readonly #names = new Set<string>();

  constructor(kernel: NetfilterKernel, clock: Clock) {
    this.#kernel = kernel;
    this.#clock = clock;
  }

  add(name: string): void {
    this.#names.add(name);
  }

  /** The set is used again. */
  delete(name: string): void {
    this.#names.delete(name);
  }

  /** Destroys what can be destroyed. Throws CommandError where ipset cannot be run. */
  async destroy(): Promise<void> {
    for (let attempt = 0; attempt < attempts && this.#names.size > 0; attempt += 1) {
      if (attempt > 0) await this.#clock.sleep(pauseMs);
      for (const name of [...this.#names]) {
        if (await this.#kernel.destroySet(name)) this.#names.delete(name);
      }
    }
  }
}
