/** Runs the work of a key one at a time; requests that come while it runs share the next run. */
export class Coalescer<Result> {
  readonly #work: (key: string) => Promise<Result>;
  readonly #running = new Map<string, Promise<Result>>();
  readonly #next = new Map<string, Promise<Result>>();

  constructor(work: (key: string) => Promise<Result>) {
    this.#work = work;
  }

  /** Resolves with the result of a run that began after this call. */
  request(key: string): Promise<Result> {
    const waiting = this.#next.get(key);
    if (waiting !== undefined) return waiting;
    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key);
    const next = running.then(
      () => this.#startNext(key),
      () => this.#startNext(key),
    );
    this.#next.set(key, next);
    return next;
  }

  #startNext(key: string): Promise<Result> {
    this.#next.delete(key);
    return this.#start(key);
  }

  #start(key: string): Promise<Result> {
    const run = this.#work(key).finally(() => {
      if (this.#running.get(key) === run) this.#running.delete(key);
    });
    this.#running.set(key, run);
    return run;
  }
}
