// From what the kernel has to the packet filter of a document, without an open moment.
import {
  diffRuleSets,
  type Family,
  mergeTransactions,
  type RuleSet,
  renderTransaction,
  type Transaction,
  tableNames,
  transactionOf,
} from '@isthmus/iptables-ts';
import type { FilterState } from './state.ts';

/** Every table, so that one that is left out counts as empty. */
export function everyTable(ruleSet: RuleSet): RuleSet {
  return Object.fromEntries(tableNames.map((table) => [table, ruleSet[table] ?? new Map()]));
}

/**
 * The smallest change, for `iptables-restore --noflush`, which replaces each table in one atomic step. Where both mangle
 * and nat change, nothing new reaches a public address in between.
 */
export function closedChange(found: RuleSet<Family>, state: FilterState): string {
  const ruleSet = everyTable(state.ruleSet());
  const transaction = diffRuleSets(found, ruleSet);
  const closed = state.firewall.closedPrerouting();
  const open = ruleSet.mangle?.get('PREROUTING');
  if (transaction.mangle === undefined || transaction.nat === undefined || closed === null || open === undefined) {
    return renderTransaction(transaction);
  }
  const close = transactionOf('mangle', new Map([['PREROUTING', closed]]));
  const reopen = transactionOf('mangle', new Map([['PREROUTING', open]]));
  const { nat, ...rest } = transaction;
  const steps: readonly Transaction[] = [close, { nat }, mergeTransactions(rest, reopen)];
  return steps.map(renderTransaction).join('');
}
