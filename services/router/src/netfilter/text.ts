// What iptables-restore and ipset are told for a step, in the order that keeps every state in between closed.
import { type Chain, renderIpSet, renderTransaction, type TableName, transactionOf } from '@isthmus/iptables-ts';
import type { Chains, FilterState, FilterStep } from './state.ts';

/** Texts for one `iptables-restore --noflush` and two `ipset -exist restore`; empty where there is nothing to do. */
export interface StepText {
  /** Before the rules: sets that they will name. */
  readonly sets: string;
  readonly rules: string;
  /** After the rules: addresses that are the network's no more. */
  readonly addresses: string;
}

function lines(words: readonly string[]): string {
  return words.map((line) => `${line}\n`).join('');
}

function tableText(table: TableName, chains: Chains): string {
  return renderTransaction(transactionOf(table, chains));
}

function setTexts({ lists, addresses }: FilterStep, setName: string): Pick<StepText, 'sets' | 'addresses'> {
  return {
    sets: [...lists.added.map(renderIpSet), lines(addresses.added.map((address) => `add ${setName} ${address}`))].join(
      '',
    ),
    addresses: lines(addresses.removed.map((address) => `del ${setName} ${address}`)),
  };
}

/**
 * The way forward. Each table is one atomic step, and they commit in the order of the text: what is no longer permitted
 * first, then where addresses lead, then what is permitted now.
 */
export function forwardText(state: FilterState, step: FilterStep): StepText {
  const { raw, mangle, nat, filter } = step.tables;
  const rules = [
    tableText('mangle', step.withdrawn),
    tableText('nat', nat),
    tableText('raw', raw),
    tableText('mangle', mangle),
    tableText('filter', filter),
  ];
  return { ...setTexts(step, state.firewall.publicAddresses.setName), rules: rules.join('') };
}

function contentOf(names: Iterable<string>, chains: ReadonlyMap<string, Chain>): Chains {
  return new Map([...names].map((name) => [name, chains.get(name) ?? null]));
}

/**
 * The way back, from wherever the way forward has ended: the whole content of every chain that either way touches. In
 * between, nothing new reaches a public address (the closed PREROUTING), for the few milliseconds that it takes.
 */
export function backText(state: FilterState, forward: FilterStep, back: FilterStep): StepText {
  const { raw = new Map(), mangle = new Map(), nat = new Map(), filter = new Map() } = state.ruleSet();
  const names = (table: TableName, ...more: readonly Chains[]) =>
    [...forward.tables[table].keys(), ...back.tables[table].keys()].concat(...more.map((chains) => [...chains.keys()]));
  const mangleNames = new Set(names('mangle', forward.withdrawn, back.withdrawn));
  const natNames = new Set(names('nat'));
  const closed = state.firewall.closedPrerouting();
  const closes = natNames.size > 0 && mangleNames.size > 0 && closed !== null;
  if (closes) mangleNames.add('PREROUTING');
  const rules = [
    closes ? tableText('mangle', new Map([['PREROUTING', closed]])) : '',
    tableText('nat', contentOf(natNames, nat)),
    tableText('raw', contentOf(new Set(names('raw')), raw)),
    tableText('mangle', contentOf(mangleNames, mangle)),
    tableText('filter', contentOf(new Set(names('filter')), filter)),
  ];
  return { ...setTexts(back, state.firewall.publicAddresses.setName), rules: rules.join('') };
}
