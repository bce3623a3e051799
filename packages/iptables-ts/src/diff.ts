import { type Chain, type Family, type Rule, type RuleSet, type TableName, tableNames } from './model.ts';
import { builtInChains, isBuiltInChain } from './names.ts';
import { chainOrder, renderDeclaration, renderRule, writeLine } from './render.ts';

/**
 * What one table's part of an `iptables-restore --noflush` text does; the kernel takes it as one atomic step. Seen with
 * iptables-nft 1.8.9: declaring a user chain makes it or empties it; declaring a built-in chain sets its policy and
 * keeps its rules, so that emptying it takes `-F`.
 */
export interface TableTransaction {
  /** User chains that are made, or emptied where they exist. */
  readonly declared: readonly string[];
  /** Built-in chains whose policy is set. */
  readonly policies: ReadonlyMap<string, 'ACCEPT' | 'DROP'>;
  /** Built-in chains that are emptied. */
  readonly flushed: readonly string[];
  /** The whole new content of declared and flushed chains. */
  readonly appended: ReadonlyMap<string, readonly Rule<Family>[]>;
  /** User chains that go; nothing may refer to them any more. One that does not exist is no error. */
  readonly deleted: readonly string[];
}

/** Changes by table; a table without change is absent. */
export type Transaction = { readonly [Table in TableName]?: TableTransaction };

function sameRules(a: readonly Rule<Family>[], b: readonly Rule<Family>[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((rule, index) => {
    const other = b[index];
    return other !== undefined && (rule === other || renderRule('x', rule) === renderRule('x', other));
  });
}

/** True where two chains have the same policy and the same rules, whatever the spelling. */
export function sameChain(a: Chain<Family>, b: Chain<Family>): boolean {
  return a === b || (a.policy === b.policy && sameRules(a.rules, b.rules));
}

class TableDraft {
  readonly declared: string[] = [];
  readonly policies = new Map<string, 'ACCEPT' | 'DROP'>();
  readonly flushed: string[] = [];
  readonly appended = new Map<string, readonly Rule<Family>[]>();
  readonly deleted: string[] = [];

  refill(table: TableName, name: string, rules: readonly Rule<Family>[]): void {
    (isBuiltInChain(table, name) ? this.flushed : this.declared).push(name);
    if (rules.length > 0) this.appended.set(name, rules);
  }

  toTransaction(table: TableName): Transaction {
    const isEmpty = [this.declared, this.flushed, this.deleted].every(({ length }) => length === 0);
    return isEmpty && this.policies.size === 0 ? {} : { [table]: this };
  }
}

function diffBuiltIn(
  draft: TableDraft,
  table: TableName,
  before: ReadonlyMap<string, Chain<Family>>,
  after: typeof before,
) {
  for (const name of builtInChains[table]) {
    const old = before.get(name);
    const next = after.get(name);
    const policy = next?.policy ?? 'ACCEPT';
    if (policy !== (old?.policy ?? 'ACCEPT')) draft.policies.set(name, policy);
    if (!sameRules(old?.rules ?? [], next?.rules ?? [])) draft.refill(table, name, next?.rules ?? []);
  }
}

function diffTable(
  table: TableName,
  before: ReadonlyMap<string, Chain<Family>>,
  after: ReadonlyMap<string, Chain<Family>>,
) {
  const draft = new TableDraft();
  diffBuiltIn(draft, table, before, after);
  for (const name of chainOrder(table, [...before.keys(), ...after.keys()])) {
    if (isBuiltInChain(table, name)) continue;
    const old = before.get(name);
    const next = after.get(name);
    if (next === undefined) draft.deleted.push(name);
    else if (old === undefined || !sameRules(old.rules, next.rules)) draft.refill(table, name, next.rules);
  }
  return draft.toTransaction(table);
}

/**
 * The smallest transaction, in whole chains, that turns `before` into `after`: only chains that differ are emptied and
 * refilled. A table absent from `after` is not touched; one absent from `before` is taken as empty. Costs a comparison
 * of every chain; `transactionOf` is for callers that know what changed.
 */
export function diffRuleSets(before: RuleSet<Family>, after: RuleSet<Family>): Transaction {
  const parts = tableNames.map((table) => {
    const chains = after[table];
    return chains === undefined ? {} : diffTable(table, before[table] ?? new Map(), chains);
  });
  return Object.assign({}, ...parts);
}

/**
 * A transaction from whole chains by name, so that the cost follows the change: null deletes a user chain, and empties
 * a built-in one under policy ACCEPT. A built-in chain's policy is set where the chain names one.
 */
export function transactionOf(table: TableName, changes: ReadonlyMap<string, Chain<Family> | null>): Transaction {
  const draft = new TableDraft();
  for (const name of chainOrder(table, changes.keys())) {
    const chain = changes.get(name) ?? null;
    const builtIn = isBuiltInChain(table, name);
    if (chain === null && !builtIn) {
      draft.deleted.push(name);
      continue;
    }
    const policy = chain === null ? 'ACCEPT' : chain.policy;
    if (builtIn && policy !== undefined) draft.policies.set(name, policy);
    draft.refill(table, name, chain?.rules ?? []);
  }
  return draft.toTransaction(table);
}

function mergeTables(table: TableName, parts: readonly TableTransaction[]): Transaction {
  const chains = new Map<string, Chain<Family> | null>();
  const policies = new Map<string, 'ACCEPT' | 'DROP'>();
  for (const part of parts) {
    for (const name of [...part.declared, ...part.flushed]) chains.set(name, { rules: part.appended.get(name) ?? [] });
    for (const name of part.deleted) chains.set(name, null);
    for (const [name, policy] of part.policies) policies.set(name, policy);
  }
  const merged = transactionOf(table, chains)[table] ?? new TableDraft();
  return merged.declared.length + merged.flushed.length + merged.deleted.length + policies.size === 0
    ? {}
    : { [table]: { ...merged, policies } };
}

/** One transaction that does all of these, in order: where two change the same chain, the later one counts. */
export function mergeTransactions(...transactions: readonly Transaction[]): Transaction {
  const parts = tableNames.map((table) =>
    mergeTables(
      table,
      transactions.flatMap((transaction) => transaction[table] ?? []),
    ),
  );
  return Object.assign({}, ...parts);
}

/** True where there is nothing to do. */
export function isEmptyTransaction(transaction: Transaction): boolean {
  return tableNames.every((table) => transaction[table] === undefined);
}

function tableLines(table: TableName, transaction: TableTransaction): string[] {
  const { declared, policies, flushed, appended, deleted } = transaction;
  // A chain to delete is declared first: that empties it (chains may refer to each other) and makes -X safe to repeat.
  return [
    `*${table}`,
    ...[...policies].map(([name, policy]) => renderDeclaration(name, policy)),
    ...[...declared, ...deleted].map((name) => renderDeclaration(name, undefined)),
    ...flushed.map((name) => writeLine(['-F', name])),
    ...[...appended].flatMap(([name, rules]) => rules.map((rule) => renderRule(name, rule))),
    ...deleted.map((name) => writeLine(['-X', name])),
    'COMMIT',
  ];
}

/**
 * Text for `iptables-restore --noflush` (of IPv6: `ip6tables-restore`); empty where there is nothing to do. Each table is one atomic step, in the order
 * raw, mangle, nat, filter.
 */
export function renderTransaction(transaction: Transaction): string {
  const lines = tableNames.flatMap((table) => {
    const part = transaction[table];
    return part === undefined ? [] : tableLines(table, part);
  });
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}
