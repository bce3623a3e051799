// Slows down who guesses passwords: bounded in memory, per user name and address.

interface Failures {
  count: number;
  until: number;
}

/** Admits or refuses attempts to log in. */
export interface LoginLimiter {
  /** Milliseconds to wait before another attempt; 0: go ahead. */
  waitMs(username: string, address: string): number;
  failed(username: string, address: string): void;
  succeeded(username: string, address: string): void;
}

const maxEntries = 10_000;
const freeFailures = 5;
const windowMs = 15 * 60_000;

/**
 * After five failures each further one doubles the wait, from 1 s to a minute; 15 minutes without a failure forget them.
 * Beyond 10,000 pairs the oldest are forgotten, so that nobody fills the memory.
 */
export function createLoginLimiter(now: () => number = Date.now): LoginLimiter {
  const failures = new Map<string, Failures>();
  const keyOf = (username: string, address: string) => `${address} ${username.slice(0, 255)}`;
  const waitAfter = (count: number) =>
    count < freeFailures ? 0 : Math.min(60_000, 1000 * 2 ** Math.min(count - freeFailures, 6));
  return {
    waitMs: (username, address) => {
      const found = failures.get(keyOf(username, address));
      if (found === undefined || found.until < now()) return 0;
      const lastFailure = found.until - windowMs;
      return Math.max(0, lastFailure + waitAfter(found.count) - now());
    },
    failed: (username, address) => {
      const key = keyOf(username, address);
      const known = failures.get(key);
      const count = known !== undefined && known.until >= now() ? known.count + 1 : 1;
      // Deleted first: a map keeps the order of insertion, so its first key is the oldest failure.
      failures.delete(key);
      failures.set(key, { count, until: now() + windowMs });
      const oldest = failures.keys().next();
      if (failures.size > maxEntries && !oldest.done) failures.delete(oldest.value);
    },
    succeeded: (username, address) => {
      failures.delete(keyOf(username, address));
    },
  };
}
