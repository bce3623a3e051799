// The built-in chains that everything else hangs from, compared with those of the kernel.
import { type Chain, type Family, renderRule, type TableName } from '@isthmus/iptables-ts';
import type { NetfilterKernel } from './kernel.ts';

/** A built-in chain as `iptables -S CHAIN` prints it. */
function listingOf(name: string, { policy = 'ACCEPT', rules }: Chain<Family>): string {
  return [`-P ${name} ${policy}`, ...rules.map((rule) => renderRule(name, rule)), ''].join('\n');
}

/** Looks at one chain at a time, in turn, since a look costs a process. */
export class BaseChains<Table extends TableName> {
  readonly #kernel: NetfilterKernel;
  readonly #watched: readonly (readonly [Table, string])[];
  #next = 0;
  /** What the last look at each chain found wrong. */
  readonly #wrong = new Map<string, string>();

  constructor(kernel: NetfilterKernel, watched: readonly (readonly [Table, string])[]) {
    this.#kernel = kernel;
    this.#watched = watched;
  }

  /** Looks at the next one. Throws CommandError. */
  async look(chainOf: (table: Table, name: string) => Chain<Family> | undefined): Promise<void> {
    const watched = this.#watched[this.#next % this.#watched.length];
    if (watched === undefined) return;
    this.#next += 1;
    const [table, name] = watched;
    const chain = chainOf(table, name);
    const found = await this.#kernel.chain(table, name);
    const key = `${table} ${name}`;
    if (found === (chain === undefined ? '' : listingOf(name, chain))) this.#wrong.delete(key);
    else this.#wrong.set(key, `chain ${name} of table ${table} is not as it was loaded`);
  }

  /** A sentence for each chain that was wrong when it was last looked at, in the order of the chains that are watched. */
  get wrong(): readonly string[] {
    return this.#watched.flatMap(([table, name]) => this.#wrong.get(`${table} ${name}`) ?? []);
  }

  /** Forgets what was wrong: all was loaded again. */
  clear(): void {
    this.#wrong.clear();
  }
}
