/** Time. `now` in milliseconds since 1970; `monotonicMs` never goes back. */
export interface Clock {
  now(): number;
  monotonicMs(): number;
  /** Resolves after `ms`, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
