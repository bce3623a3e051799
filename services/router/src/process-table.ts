// The command lines of a machine's processes, read once for all who ask at the same time: many daemons that begin or end
// together, as at a boot, each look for what is left of theirs.
import type { Files } from '@isthmus/host';

/** The words of command lines by process id. */
export type CommandLines = ReadonlyMap<number, readonly string[]>;

/** A file of a process in /proc; empty where the process is gone. */
export async function readProcessFile(files: Files, pid: number, name: 'cmdline' | 'stat'): Promise<string> {
  try {
    return (await files.readTextIfExists(`/proc/${pid}/${name}`)) ?? '';
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return '';
    throw error;
  }
}

class ProcessTable {
  readonly #files: Files;
  #running: Promise<CommandLines> | null = null;
  #next: Promise<CommandLines> | null = null;

  constructor(files: Files) {
    this.#files = files;
  }

  /** A read that begins no earlier than this call, so that it holds what the caller has started. */
  read(): Promise<CommandLines> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#begin();
    const begin = () => this.#begin();
    this.#next = this.#running.then(begin, begin);
    return this.#next;
  }

  #begin(): Promise<CommandLines> {
    this.#next = null;
    const read = this.#readAll().finally(() => {
      if (this.#running === read) this.#running = null;
    });
    this.#running = read;
    return read;
  }

  async #readAll(): Promise<CommandLines> {
    const found = new Map<number, readonly string[]>();
    for (const name of await this.#files.list('/proc')) {
      if (!/^[1-9]\d*$/.test(name) || name === '1') continue;
      found.set(Number(name), (await readProcessFile(this.#files, Number(name), 'cmdline')).split('\0'));
    }
    return found;
  }
}

const tables = new WeakMap<Files, ProcessTable>();

/** The command lines of all processes but the first, as they are after this call. */
export function readCommandLines(files: Files): Promise<CommandLines> {
  const table = tables.get(files) ?? new ProcessTable(files);
  tables.set(files, table);
  return table.read();
}
