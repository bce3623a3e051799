/** Runs tasks one after the other, in the order in which they came; a task that throws does not hold up the next. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Value>(task: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => {});
    return result;
  }
}
