// Reads the text that render.ts writes and that iptables-save 1.8.9 (nf_tables) prints. Rules: parse-rule.ts.
import { type Chain, type Family, type Rule, type RuleSet, type TableName, tableNames } from './model.ts';
import { isBuiltInChain } from './names.ts';
import { parseRuleWords } from './parse-rule.ts';
import { IptablesTextError } from './text-error.ts';

export { IptablesTextError } from './text-error.ts';

interface ChainDraft {
  readonly policy: 'ACCEPT' | 'DROP' | undefined;
  readonly rules: Rule<Family>[];
}

type TableDraft = Map<string, ChainDraft>;

class SaveReader {
  readonly #family: Family;
  readonly #tables = new Map<TableName, TableDraft>();
  #current: { readonly name: TableName; readonly chains: TableDraft } | null = null;

  constructor(family: Family) {
    this.#family = family;
  }

  line(text: string): void {
    if (text === '' || text.startsWith('#')) return;
    if (text.startsWith('*')) this.#open(text.slice(1));
    else if (this.#current === null) throw new RangeError('expected *TABLE before it');
    else if (text === 'COMMIT') this.#current = null;
    else if (text.startsWith(':')) declare(this.#current.name, this.#current.chains, text.slice(1));
    else append(this.#current.chains, text.split(' '), this.#family);
  }

  result(): RuleSet<Family> {
    if (this.#current !== null) throw new RangeError(`the table ${this.#current.name} has no COMMIT`);
    const freeze = (chains: TableDraft) =>
      new Map(
        [...chains].map(([name, { policy, rules }]): [string, Chain<Family>] => [
          name,
          policy === undefined ? { rules } : { policy, rules },
        ]),
      );
    return Object.fromEntries([...this.#tables].map(([table, chains]) => [table, freeze(chains)]));
  }

  #open(table: string): void {
    const name = tableNames.find((known) => known === table);
    if (name === undefined) throw new RangeError(`unknown table ${table}`);
    if (this.#current !== null || this.#tables.has(name)) throw new RangeError(`the table ${name} is open or was read`);
    const chains: TableDraft = new Map();
    this.#tables.set(name, chains);
    this.#current = { name, chains };
  }
}

function declare(table: TableName, chains: TableDraft, text: string): void {
  const [, name, word, counters] = /^(\S+) (ACCEPT|DROP|-)(?: (\[\d+:\d+\]))?$/.exec(text) ?? [];
  if (name === undefined || counters === undefined) throw new RangeError('expected :CHAIN POLICY [PACKETS:BYTES]');
  if (isBuiltInChain(table, name) !== (word !== '-')) throw new RangeError(`${word} is no policy for ${table} ${name}`);
  chains.set(name, { policy: word === 'ACCEPT' || word === 'DROP' ? word : undefined, rules: [] });
}

function append(chains: TableDraft, [command = '', chain = '', ...words]: readonly string[], family: Family): void {
  const rules = chains.get(chain)?.rules;
  if (command !== '-A') throw new RangeError(`unknown command ${command}`);
  if (rules === undefined) throw new RangeError(`chain ${chain} is not declared`);
  rules.push(parseRuleWords(words, family));
}

/**
 * Reads iptables-save text into a model in canonical form: a table's chains with their policies and rules; counters are
 * dropped. With `family` 6 ip6tables-save text. Throws IptablesTextError, which quotes the line, on anything that the model
 * cannot say.
 */
export function parseSave(text: string, family?: 4): RuleSet;
export function parseSave(text: string, family: 6): RuleSet<6>;
export function parseSave(text: string, family: Family): RuleSet<Family>;
export function parseSave(text: string, family: Family = 4): RuleSet<Family> {
  const reader = new SaveReader(family);
  for (const [index, line] of text.split('\n').entries()) {
    IptablesTextError.at(index + 1, line, () => reader.line(line.trim()));
  }
  return IptablesTextError.at(text.split('\n').length, '', () => reader.result());
}
