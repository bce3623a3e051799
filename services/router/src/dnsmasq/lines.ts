// The lines of one hosts file by the id of their entry, with what each lays claim to. In memory, pure.

/** One entry as a line. */
export interface EntryLine {
  readonly text: string;
  /** Lines of the options file for this entry alone, each with its line break. */
  readonly options?: string;
  /** What no second entry may have, such as `address 10.1.1.5`: the field's name in the document, and its value. */
  readonly unique: readonly string[];
  /** What dnsmasq answers for as long as it holds the line; holds `unique`. */
  readonly traces: readonly string[];
}

/** One line's change. `before` absent: added; `after` absent: removed. */
export interface LineChange {
  readonly id: string;
  readonly before: EntryLine | undefined;
  readonly after: EntryLine | undefined;
}

/** What the file shall say. A change costs as much as it changes. */
export class LineIndex {
  readonly #lines = new Map<string, EntryLine>();
  readonly #owners = new Map<string, string>();

  get(id: string): EntryLine | undefined {
    return this.#lines.get(id);
  }

  /** Any line, or undefined where there is none. */
  any(): EntryLine | undefined {
    return this.#lines.values().next().value;
  }

  /** The id whose entry has this unique value. */
  owner(unique: string): string | undefined {
    return this.#owners.get(unique);
  }

  entries(): Iterable<readonly [id: string, line: EntryLine]> {
    return this.#lines;
  }

  ids(): Iterable<string> {
    return this.#lines.keys();
  }

  get size(): number {
    return this.#lines.size;
  }

  replace(changes: readonly LineChange[]): void {
    for (const { id, before } of changes) {
      this.#lines.delete(id);
      for (const unique of before?.unique ?? []) if (this.#owners.get(unique) === id) this.#owners.delete(unique);
    }
    for (const { id, after } of changes) {
      if (after === undefined) continue;
      this.#lines.set(id, after);
      for (const unique of after.unique) this.#owners.set(unique, id);
    }
  }

  text(): string {
    return textOf([...this.#lines.values()]);
  }

  /** The options of all its entries. */
  options(): string {
    return [...this.#lines.values()].map(({ options = '' }) => options).join('');
  }
}

/** The text of some lines. */
export function textOf(lines: readonly EntryLine[]): string {
  return lines.map(({ text }) => `${text}\n`).join('');
}

/** The changes that undo `changes`. */
export function inverse(changes: readonly LineChange[]): LineChange[] {
  return changes.map(({ id, before, after }) => ({ id, before: after, after: before }));
}

/** True where two lines say the same. */
export function isSameLine(a: EntryLine | undefined, b: EntryLine | undefined): boolean {
  return a?.text === b?.text && a?.options === b?.options;
}

/** Changes from what `index` holds to exactly `wanted`. Costs as much as both hold. */
export function wholeChange(index: LineIndex, wanted: ReadonlyMap<string, EntryLine>): LineChange[] {
  const removed = [...index.ids()].filter((id) => !wanted.has(id));
  return [
    ...removed.map((id) => ({ id, before: index.get(id), after: undefined })),
    ...[...wanted].map(([id, after]) => ({ id, before: index.get(id), after })),
  ].filter(({ before, after }) => !isSameLine(before, after));
}

/**
 * Lines that dnsmasq holds though they are no longer wanted, because a live directory only adds. They end with the next
 * rewrite of the base file.
 */
export class HeldLines {
  readonly #lines = new Map<string, EntryLine>();
  readonly #traces = new Map<string, number>();

  get size(): number {
    return this.#lines.size;
  }

  add(line: EntryLine): void {
    if (this.#lines.has(line.text)) return;
    this.#lines.set(line.text, line);
    for (const trace of line.traces) this.#traces.set(trace, (this.#traces.get(trace) ?? 0) + 1);
  }

  /** Forgets a line; false where it was not held. */
  delete(line: EntryLine): boolean {
    if (!this.#lines.delete(line.text)) return false;
    for (const trace of line.traces) {
      const left = (this.#traces.get(trace) ?? 0) - 1;
      if (left > 0) this.#traces.set(trace, left);
      else this.#traces.delete(trace);
    }
    return true;
  }

  lines(): EntryLine[] {
    return [...this.#lines.values()];
  }

  /** True where dnsmasq would go on answering for something that `line` lays claim to. */
  collidesWith(line: EntryLine): boolean {
    return line.traces.some((trace) => this.#traces.has(trace));
  }
}
