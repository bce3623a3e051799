// What this host was told to have, on disk: one JSON file a thing, so that a restart or a reboot needs no orchestrator.
import type { Validator } from '@isthmus/contract';
import type { Files, Log } from '@isthmus/host';

/** A thing that is to run or to stand still. `bootId`: the boot of the machine in which that was ordered, where it matters. */
export interface Powered<Spec> {
  readonly power: 'Running' | 'Stopped';
  readonly spec: Spec;
  readonly bootId?: string;
}

/** Records of one kind by id, in memory and in a directory of `ID.json` files. */
export class Records<Value> {
  readonly #files: Files;
  readonly #directory: string;
  readonly #isValue: (value: unknown) => value is Value;
  readonly #values = new Map<string, Value>();

  constructor(files: Files, directory: string, isValue: (value: unknown) => value is Value) {
    this.#files = files;
    this.#directory = directory;
    this.#isValue = isValue;
  }

  /** Reads the directory. A file that does not hold what it should is left alone and logged. */
  async load(log: Log): Promise<void> {
    for (const name of await this.#files.list(this.#directory)) {
      if (!name.endsWith('.json') || name.startsWith('.')) continue;
      const value = parse(await this.#files.readText(`${this.#directory}/${name}`));
      if (this.#isValue(value)) this.#values.set(name.slice(0, -'.json'.length), value);
      else log.error('a record is not what it should be', { path: `${this.#directory}/${name}` });
    }
  }

  get(id: string): Value | undefined {
    return this.#values.get(id);
  }

  /** Ids and values in the order of their ids. */
  entries(): [string, Value][] {
    return [...this.#values].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Durable when it resolves; not written again where nothing differs. */
  async put(id: string, value: Value): Promise<void> {
    const before = this.#values.get(id);
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(value)) return;
    this.#values.set(id, value);
    await this.#files.makeDirectory(this.#directory, { mode: 0o700 });
    await this.#files.writeText(`${this.#directory}/${id}.json`, `${JSON.stringify(value)}\n`, { mode: 0o600 });
  }

  async delete(id: string): Promise<void> {
    this.#values.delete(id);
    await this.#files.remove(`${this.#directory}/${id}.json`);
  }

  clear(): void {
    this.#values.clear();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Checks a `Powered` thing, given the check of its spec. */
export function isPowered<Spec>(spec: Validator<Spec>): (value: unknown) => value is Powered<Spec> {
  return (value): value is Powered<Spec> =>
    typeof value === 'object' &&
    value !== null &&
    'power' in value &&
    (value.power === 'Running' || value.power === 'Stopped') &&
    (!('bootId' in value) || typeof value.bootId === 'string') &&
    'spec' in value &&
    spec.check(value.spec);
}
