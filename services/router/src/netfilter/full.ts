// The whole packet filter over whatever the kernel has: at boot, after a crash, or when somebody else changed it.
import type { RouterDocument } from '@isthmus/contract';
import {
  diffRuleSets,
  type IpSet,
  IptablesTextError,
  ipSetTransaction,
  isEmptyTransaction,
  mergeTransactions,
  parseIpSetSave,
  parseSave,
  type RuleSet,
  renderRuleSet,
  renderTransaction,
  stagedSetName,
  type Transaction,
  tableNames,
  transactionOf,
} from '@isthmus/iptables-ts';
import { endStrayFlows } from '../conntrack/revocation.ts';
import { CheckError, type ServicePlan } from '../service.ts';
import type { PlanContext } from './change.ts';
import type { FilterState } from './state.ts';

interface KernelState {
  readonly text: string;
  /** Null where the kernel has rules that no text of ours holds. */
  readonly rules: RuleSet | null;
  readonly sets: readonly IpSet[];
}

/** How to make the kernel's rules equal a rule set, both with `--noflush` and, as a last resort, table by table whole. */
interface Replacement {
  readonly text: string;
  readonly whole: boolean;
}

/** False for the copy beside a set, which a crash may have left. */
function isServing({ name }: IpSet): boolean {
  return stagedSetName(name.slice(0, -2)) !== name;
}

function readRules(text: string): RuleSet | null {
  try {
    return parseSave(text);
  } catch (error) {
    if (error instanceof IptablesTextError) return null;
    throw error;
  }
}

/** Every table, so that one that is left out counts as empty. */
function everyTable(ruleSet: RuleSet): RuleSet {
  return Object.fromEntries(tableNames.map((table) => [table, ruleSet[table] ?? new Map()]));
}

/**
 * The smallest change from what the kernel has; where it has what we cannot read, whole tables. Each table is replaced
 * in one atomic step either way. Where both mangle and nat change, nothing new reaches a public address in between.
 */
function replacementOf(kernel: KernelState, state: FilterState): Replacement {
  const ruleSet = everyTable(state.ruleSet());
  if (kernel.rules === null) return { text: renderRuleSet(ruleSet), whole: true };
  const transaction = diffRuleSets(kernel.rules, ruleSet);
  const closed = state.firewall.closedPrerouting();
  const open = ruleSet.mangle?.get('PREROUTING');
  if (transaction.mangle === undefined || transaction.nat === undefined || closed === null || open === undefined) {
    return { text: renderTransaction(transaction), whole: false };
  }
  const close = transactionOf('mangle', new Map([['PREROUTING', closed]]));
  const reopen = transactionOf('mangle', new Map([['PREROUTING', open]]));
  const { nat, ...rest } = transaction;
  const steps: readonly Transaction[] = [close, { nat }, mergeTransactions(rest, reopen)];
  return { text: steps.map(renderTransaction).join(''), whole: false };
}

/** A full change, or the healing of one. `adopt` makes the new state the service's own, `restore` the old one again. */
export class FullPlan implements ServicePlan {
  readonly #context: PlanContext & { readonly namePrefix: string };
  readonly #state: FilterState;
  readonly #document: RouterDocument;
  readonly #adopt: () => void;
  readonly #restore: () => void;
  #found: KernelState | null = null;
  #applied = false;

  constructor(
    context: PlanContext & { readonly namePrefix: string },
    state: FilterState,
    document: RouterDocument,
    owner: { readonly adopt: () => void; readonly restore: () => void },
  ) {
    this.#context = context;
    this.#state = state;
    this.#document = document;
    this.#adopt = owner.adopt;
    this.#restore = owner.restore;
  }

  async #read(): Promise<KernelState> {
    const { kernel, namePrefix } = this.#context;
    const text = await kernel.save();
    const sets = parseIpSetSave(await kernel.saveSets(namePrefix));
    return { text, rules: readRules(text), sets };
  }

  async #destroyStaged(sets: readonly IpSet[]): Promise<void> {
    for (const set of sets) if (!isServing(set)) await this.#context.kernel.destroySet(set.name);
  }

  async stage(): Promise<void> {
    const { kernel, unused } = this.#context;
    const found = await this.#read();
    await this.#destroyStaged(found.sets);
    this.#found = { ...found, sets: found.sets.filter(isServing) };
    for (const { name } of this.#state.sets()) unused.delete(name);
    await kernel.restoreSets(ipSetTransaction(this.#found.sets, this.#state.sets()).stage);
    const { text } = replacementOf(this.#found, this.#state);
    try {
      await kernel.test(text);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new CheckError('iptables-restore refuses the rules', detail, [], { cause: error });
    }
  }

  async #load(kernelState: KernelState, state: FilterState): Promise<void> {
    const { kernel } = this.#context;
    const { text, whole } = replacementOf(kernelState, state);
    if (whole) await kernel.replace(text);
    else await kernel.restore(text);
  }

  async apply(): Promise<void> {
    const found = this.#found;
    if (found === null) throw new Error('apply without stage');
    this.#applied = true;
    await this.#context.kernel.restoreSets(ipSetTransaction(found.sets, this.#state.sets()).swap);
    await this.#load(found, this.#state);
    this.#adopt();
  }

  /** Reads the rules back: at this one time what the kernel has was not known. */
  async verify(): Promise<void> {
    const rules = readRules(await this.#context.kernel.save());
    if (rules !== null && isEmptyTransaction(diffRuleSets(rules, everyTable(this.#state.ruleSet())))) return;
    throw new Error('the rules that iptables-save shows are not those that were loaded');
  }

  async commit(): Promise<void> {
    const { unused, flows } = this.#context;
    const kept = new Set(this.#state.sets().map(({ name }) => name));
    for (const { name } of this.#found?.sets ?? []) if (!kept.has(name)) unused.add(name);
    this.#found = null;
    await endStrayFlows(flows, this.#document);
    await unused.destroy();
  }

  /** The kernel's rules as they were found. Where there were none, those of this document stay: they deny more. */
  async revert(): Promise<void> {
    const found = this.#found;
    if (found === null) return;
    this.#found = null;
    const { kernel, unused } = this.#context;
    const { sets } = await this.#read();
    await this.#destroyStaged(sets);
    if (found.text === '') return;
    if (this.#applied) {
      const back = ipSetTransaction(sets.filter(isServing), found.sets);
      await kernel.restoreSets(back.stage);
      await kernel.restoreSets(back.swap);
      // iptables-restore does not take all that iptables-save prints.
      await kernel.replace(found.rules === null ? found.text : renderRuleSet(found.rules));
      this.#restore();
    }
    const kept = new Set(found.sets.map(({ name }) => name));
    for (const { name } of this.#state.sets()) if (!kept.has(name)) unused.add(name);
    await unused.destroy();
  }
}
