// Looks after the services between pushes: what is not healthy is healed, with growing pauses where that does not help.
import type { ServiceHealth } from '@isthmus/contract';
import type { Clock, Log } from '@isthmus/host';
import type { RouterService } from '@isthmus/router';
import { messageOf } from './message-of.ts';

/** Between two attempts to mend what does not let itself be mended. */
export const longestPauseMs = 60_000;

/** Between two healings of a service whose health checks fail though it counts as healthy. */
const betweenChecksMs = 10_000;

/** A service's health; a check that throws is a finding too. */
export async function healthOf(service: RouterService, clock: Clock): Promise<ServiceHealth> {
  try {
    return await service.health();
  } catch (error) {
    return {
      service: service.name,
      healthy: false,
      detail: messageOf(error),
      checkedAt: new Date(clock.now()).toISOString(),
    };
  }
}

/** How often a service was healed in vain, and when to try next. */
interface Attempts {
  failed: number;
  nextAtMs: number;
}

export class Healer {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #firstPauseMs: number;
  readonly #attempts = new Map<string, Attempts>();
  readonly #healedAfterCheck = new Map<string, number>();

  constructor(clock: Clock, log: Log, firstPauseMs: number) {
    this.#clock = clock;
    this.#log = log;
    this.#firstPauseMs = firstPauseMs;
  }

  /** True where the service may be healed now. */
  isDue(service: RouterService): boolean {
    return this.#clock.monotonicMs() >= (this.#attempts.get(service.name)?.nextAtMs ?? 0);
  }

  noteHealthy(service: RouterService): void {
    this.#attempts.delete(service.name);
  }

  /** Checks again and heals. The caller sees to it that no push runs. Answers with the health after it. */
  async heal(service: RouterService): Promise<ServiceHealth> {
    const before = await healthOf(service, this.#clock);
    if (before.healthy) return before;
    this.#log.warn('healing', { service: service.name, detail: before.detail });
    try {
      await service.heal();
    } catch (error) {
      this.#log.error('could not heal', { service: service.name, error });
    }
    const after = await healthOf(service, this.#clock);
    if (after.healthy) this.noteHealthy(service);
    else this.#noteFailure(service);
    return after;
  }

  /** Heals a service that counts as healthy but failed a check of its own; not again within `betweenChecksMs`. */
  async healAfterCheck(service: RouterService): Promise<void> {
    const now = this.#clock.monotonicMs();
    if (now < (this.#healedAfterCheck.get(service.name) ?? Number.NEGATIVE_INFINITY) + betweenChecksMs) return;
    this.#healedAfterCheck.set(service.name, now);
    this.#log.warn('healing after a health check', { service: service.name });
    await service.heal();
  }

  #noteFailure(service: RouterService): void {
    const failed = (this.#attempts.get(service.name)?.failed ?? 0) + 1;
    const pauseMs = Math.min(this.#firstPauseMs * 2 ** failed, longestPauseMs);
    this.#attempts.set(service.name, { failed, nextAtMs: this.#clock.monotonicMs() + pauseMs });
  }
}
