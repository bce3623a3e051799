import type { Chain, Rule, RuleSet, TableName } from './model.ts';

/** What one table's part of an `iptables-restore --noflush` text does, in this order, as one atomic step of the kernel. */
export interface TableTransaction {
  /** User chains that are made, or emptied where they exist. */
  readonly declared: readonly string[];
  /** Built-in chains whose policy is set. */
  readonly policies: ReadonlyMap<string, 'ACCEPT' | 'DROP'>;
  /** Built-in chains that are emptied. */
  readonly flushed: readonly string[];
  /** The whole new content of declared and flushed chains. */
  readonly appended: ReadonlyMap<string, readonly Rule[]>;
  /** User chains that go; nothing may refer to them any more. */
  readonly deleted: readonly string[];
}

/** Changes by table; a table without change is absent. */
export type Transaction = { readonly [Table in TableName]?: TableTransaction };

/** The smallest transaction that turns `before` into `after`. A table absent from `after` is not touched. */
export function diffRuleSets(_before: RuleSet, _after: RuleSet): Transaction {
  return {};
}

/** A transaction from whole chains by name (null: the chain goes), so that the cost follows the change. */
export function transactionOf(_table: TableName, _changes: ReadonlyMap<string, Chain | null>): Transaction {
  return {};
}

/** One transaction that does all of these; where two change the same chain, the later one counts. */
export function mergeTransactions(..._transactions: readonly Transaction[]): Transaction {
  return {};
}

/** True where there is nothing to do. */
export function isEmptyTransaction(transaction: Transaction): boolean {
  return Object.keys(transaction).length === 0;
}

/** Text for `iptables-restore --noflush`; empty where there is nothing to do. */
export function renderTransaction(_transaction: Transaction): string {
  return '';
}
