// A whole packet filter over whatever the kernel has: at boot, after a crash, or when somebody else changed it.
import {
  diffRuleSets,
  type Family,
  type IpSet,
  IptablesTextError,
  ipSetTransaction,
  isBuiltInChain,
  isEmptyTransaction,
  parseIpSetSave,
  parseSave,
  type RuleSet,
  renderRuleSet,
  stagedSetName,
  tableNames,
} from '@isthmus/iptables-ts';
import { CheckError, type ServicePlan } from '../service.ts';
import type { PlanContext } from './change.ts';

/** The packet filter of a document, of one family of addresses. */
export interface WantedFilter {
  readonly family: Family;
  /** With every table of the service, so that one without chains counts as empty. */
  ruleSet(): RuleSet<Family>;
  sets(): readonly IpSet<Family>[];
  /** What `iptables-restore --noflush` reads to come here from the rules that were found. */
  changeFrom(found: RuleSet<Family>): string;
  /** Ends the tracked flows that the document does not admit. Throws CommandError. */
  endStrayFlows(): Promise<void>;
}

/** Whose state it becomes with `adopt`, and was again with `restore`. */
export interface FilterOwner {
  readonly adopt: () => void;
  readonly restore: () => void;
}

interface KernelState {
  readonly text: string;
  /** Null where the kernel has rules that no text of ours holds. */
  readonly rules: RuleSet<Family> | null;
  readonly sets: readonly IpSet<Family>[];
}

/** The way from what was found, made once: `swap` brings the staged sets into force. */
interface Work {
  readonly found: KernelState;
  readonly swap: string;
  readonly replacement: Replacement;
}

/** How to make the kernel's rules equal a rule set, both with `--noflush` and, as a last resort, table by table whole. */
interface Replacement {
  readonly text: string;
  readonly whole: boolean;
}

/** In which nothing was put since its boot, and nothing was looked for. */
const newKernel: KernelState = { text: '', rules: {}, sets: [] };

/** False for the copy beside a set, which a crash may have left. */
function isServing({ name }: IpSet<Family>): boolean {
  return stagedSetName(name.slice(0, -2)) !== name;
}

/**
 * True for a kernel without chains and sets of ours, as that of a VM at its boot: nothing serves yet that a test would keep
 * from harm, and what is there was just read.
 */
function isUntouched({ rules, sets }: KernelState): boolean {
  if (rules === null || sets.length > 0) return false;
  return tableNames.every((table) => [...(rules[table]?.keys() ?? [])].every((name) => isBuiltInChain(table, name)));
}

function readRules(text: string, family: Family): RuleSet<Family> | null {
  try {
    return parseSave(text, family);
  } catch (error) {
    if (error instanceof IptablesTextError) return null;
    throw error;
  }
}

/** A full change, or the healing of one. Each table is replaced in one atomic step. */
export class FullPlan implements ServicePlan {
  readonly #context: PlanContext & { readonly namePrefix: string };
  readonly #wanted: WantedFilter;
  readonly #owner: FilterOwner;
  #work: Work | null = null;
  #applied = false;

  constructor(
    context: PlanContext & { readonly namePrefix: string },
    plan: { readonly wanted: WantedFilter; readonly owner: FilterOwner },
  ) {
    this.#context = context;
    this.#wanted = plan.wanted;
    this.#owner = plan.owner;
  }

  async #read(): Promise<KernelState> {
    const { kernel, namePrefix } = this.#context;
    const { family } = this.#wanted;
    const text = await kernel.save();
    const sets = parseIpSetSave(await kernel.saveSets(namePrefix), family);
    return { text, rules: readRules(text, family), sets };
  }

  /** What serves; what a crash left beside it goes. */
  async #find(): Promise<KernelState> {
    const { sets, ...rest } = await this.#read();
    await this.#destroyStaged(sets);
    return { ...rest, sets: sets.filter(isServing) };
  }

  /** Whole tables where the kernel has what we cannot read, or did not. */
  #replacement(found: KernelState): Replacement {
    if (found.rules !== null && found !== newKernel)
      return { text: this.#wanted.changeFrom(found.rules), whole: false };
    return { text: renderRuleSet(this.#wanted.ruleSet()), whole: true };
  }

  async #destroyStaged(sets: readonly IpSet<Family>[]): Promise<void> {
    for (const set of sets) if (!isServing(set)) await this.#context.kernel.destroySet(set.name);
  }

  async stage(): Promise<void> {
    const { kernel, unused } = this.#context;
    const found = kernel.isNew ? newKernel : await this.#find();
    const wanted = this.#wanted.sets();
    const { stage, swap } = ipSetTransaction(found.sets, wanted);
    const replacement = this.#replacement(found);
    this.#work = { found, swap, replacement };
    for (const { name } of wanted) unused.delete(name);
    await kernel.restoreSets(stage);
    if (isUntouched(found)) return;
    try {
      await kernel.test(replacement.text);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      const command = this.#wanted.family === 6 ? 'ip6tables-restore' : 'iptables-restore';
      throw new CheckError(`${command} refuses the rules`, detail, [], { cause: error });
    }
  }

  async apply(): Promise<void> {
    if (this.#work === null) throw new Error('apply without stage');
    const { kernel } = this.#context;
    const { swap, replacement } = this.#work;
    const { text, whole } = replacement;
    this.#applied = true;
    await kernel.restoreSets(swap);
    if (whole) await kernel.replace(text);
    else await kernel.restore(text);
    this.#owner.adopt();
  }

  /** Reads the rules back where what the kernel had was another's. */
  async verify(): Promise<void> {
    if (this.#work !== null && isUntouched(this.#work.found)) return;
    const rules = readRules(await this.#context.kernel.save(), this.#wanted.family);
    if (rules !== null && isEmptyTransaction(diffRuleSets(rules, this.#wanted.ruleSet()))) return;
    throw new Error('the rules that the kernel has are not those that were loaded');
  }

  async commit(): Promise<void> {
    if (this.#work === null) throw new Error('commit without stage');
    const { unused } = this.#context;
    const { found } = this.#work;
    const kept = new Set(this.#wanted.sets().map(({ name }) => name));
    for (const { name } of found.sets) if (!kept.has(name)) unused.add(name);
    this.#work = null;
    // A new kernel has forwarded nothing yet.
    if (found !== newKernel) await this.#wanted.endStrayFlows();
    await unused.destroy();
  }

  /** The kernel's rules as they were found. Where there were none, those of this document stay: they deny more. */
  async revert(): Promise<void> {
    if (this.#work === null) return;
    const { found } = this.#work;
    this.#work = null;
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
      this.#owner.restore();
    }
    const kept = new Set(found.sets.map(({ name }) => name));
    for (const { name } of this.#wanted.sets()) if (!kept.has(name)) unused.add(name);
    await unused.destroy();
  }
}

/** Carries out a plan that nothing takes back: to heal. */
export async function carryOut(plan: ServicePlan): Promise<void> {
  await plan.stage();
  await plan.apply();
  await plan.verify();
  await plan.commit();
}
