// One change of the packet filter of IPv6 where the state before is known: what differs, and nothing else, is written.
import type { RouterDocument } from '@isthmus/contract';
import { type Chain, renderIpSet, renderTransaction, transactionOf } from '@isthmus/iptables-ts';
import type { Ipv6Changes } from '@isthmus/templates/firewall';
import { endRevokedIpv6Flows } from '../conntrack/ipv6-revocation.ts';
import type { ServicePlan } from '../service.ts';
import type { PlanContext } from './change.ts';
import { type Ipv6Change, type Ipv6State, type Ipv6Step, turnedIpv6Change } from './ipv6-state.ts';

/** Each table is one atomic step: first who may speak, then what passes. */
function rulesText({ raw, filter }: Ipv6Changes): string {
  return [renderTransaction(transactionOf('raw', raw)), renderTransaction(transactionOf('filter', filter))].join('');
}

/** The whole content of every chain that either way touches. */
function backText(state: Ipv6State, forward: Ipv6Step, back: Ipv6Step): string {
  const { raw = new Map(), filter = new Map() } = state.rules.ruleSet();
  const contentOf = (table: 'raw' | 'filter', chains: ReadonlyMap<string, Chain<6>>) => {
    const names = new Set([...forward.tables[table].keys(), ...back.tables[table].keys()]);
    return new Map([...names].map((name) => [name, chains.get(name) ?? null]));
  };
  return rulesText({ raw: contentOf('raw', raw), filter: contentOf('filter', filter) });
}

/** As ChangePlan: nothing is tested beforehand, since a table is taken whole or not at all. */
export class Ipv6ChangePlan implements ServicePlan {
  readonly #context: PlanContext;
  readonly #state: Ipv6State;
  readonly #change: Ipv6Change;
  readonly #document: RouterDocument;
  #forward: Ipv6Step | null = null;
  #applied = false;

  constructor(context: PlanContext, state: Ipv6State, change: Ipv6Change, document: RouterDocument) {
    this.#context = context;
    this.#state = state;
    this.#change = change;
    this.#document = document;
  }

  async stage(): Promise<void> {
    this.#forward = this.#state.advance(this.#change);
    const { added } = this.#forward.lists;
    for (const { name } of added) this.#context.unused.delete(name);
    await this.#context.kernel.restoreSets(added.map(renderIpSet).join(''));
  }

  async apply(): Promise<void> {
    if (this.#forward === null) throw new Error('apply without stage');
    this.#applied = true;
    await this.#context.kernel.restore(rulesText(this.#forward.tables));
  }

  async verify(): Promise<void> {}

  async commit(): Promise<void> {
    for (const name of this.#forward?.lists.removed ?? []) this.#context.unused.add(name);
    await endRevokedIpv6Flows(this.#context.flows, this.#change, this.#document);
    await this.#context.unused.destroy();
  }

  async revert(): Promise<void> {
    const forward = this.#forward;
    if (forward === null) return;
    this.#forward = null;
    const { kernel, unused } = this.#context;
    const back = this.#state.advance(turnedIpv6Change(this.#change));
    await kernel.restoreSets(back.lists.added.map(renderIpSet).join(''));
    if (this.#applied) await kernel.restore(backText(this.#state, forward, back));
    for (const name of back.lists.removed) unused.add(name);
    await unused.destroy();
  }
}
