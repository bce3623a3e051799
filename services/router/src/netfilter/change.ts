// One change of the packet filter where the state before is known: what differs, and nothing else, is written.
import type { RouterDocument } from '@isthmus/contract';
import { endRevokedFlows, type FlowTable } from '../conntrack/revocation.ts';
import type { ServicePlan } from '../service.ts';
import type { NetfilterKernel } from './kernel.ts';
import { type FilterChange, type FilterState, type FilterStep, turnedChange } from './state.ts';
import { backText, forwardText, type StepText } from './text.ts';
import type { UnusedSets } from './unused-sets.ts';

/** What a plan works with. */
export interface PlanContext {
  readonly kernel: NetfilterKernel;
  readonly flows: FlowTable;
  readonly unused: UnusedSets;
}

/**
 * The rules are not tested beforehand: `iptables-restore` takes a table whole or not at all, reads no file that could be
 * half written, and a second run for `--test` would cost as much as the change. For the same reason exit code 0 is all
 * the verification that there is. A full change does both (full.ts).
 */
export class ChangePlan implements ServicePlan {
  readonly #context: PlanContext;
  readonly #state: FilterState;
  readonly #change: FilterChange;
  readonly #document: RouterDocument;
  #forward: { readonly step: FilterStep; readonly text: StepText } | null = null;
  #applied = false;

  constructor(context: PlanContext, state: FilterState, change: FilterChange, document: RouterDocument) {
    this.#context = context;
    this.#state = state;
    this.#change = change;
    this.#document = document;
  }

  async stage(): Promise<void> {
    const step = this.#state.advance(this.#change);
    const text = forwardText(this.#state, step);
    this.#forward = { step, text };
    for (const { name } of step.lists.added) this.#context.unused.delete(name);
    await this.#context.kernel.restoreSets(text.sets);
  }

  async apply(): Promise<void> {
    const text = this.#forward?.text;
    if (text === undefined) throw new Error('apply without stage');
    this.#applied = true;
    await this.#context.kernel.restore(text.rules);
    await this.#context.kernel.restoreSets(text.addresses);
  }

  async verify(): Promise<void> {}

  async commit(): Promise<void> {
    for (const name of this.#forward?.step.lists.removed ?? []) this.#context.unused.add(name);
    await endRevokedFlows(this.#context.flows, this.#change, this.#document);
    await this.#context.unused.destroy();
  }

  async revert(): Promise<void> {
    const forward = this.#forward;
    if (forward === null) return;
    this.#forward = null;
    const { kernel, unused } = this.#context;
    const step = this.#state.advance(turnedChange(this.#change));
    const text = backText(this.#state, forward.step, step);
    await kernel.restoreSets(text.sets);
    if (this.#applied) await kernel.restore(text.rules);
    await kernel.restoreSets(text.addresses);
    for (const name of step.lists.removed) unused.add(name);
    await unused.destroy();
  }
}
