// The whole packet filter of IPv6 over whatever the kernel has: at boot, where IPv6 comes or goes, or to heal.
import type { RouterDocument } from '@isthmus/contract';
import {
  diffRuleSets,
  type IpSet,
  IptablesTextError,
  ipSetTransaction,
  isEmptyTransaction,
  parseIpSetSave,
  parseSave,
  type RuleSet,
  renderRuleSet,
  renderTransaction,
  stagedSetName,
} from '@isthmus/iptables-ts';
import { endStrayIpv6Flows } from '../conntrack/ipv6-revocation.ts';
import { CheckError, type ServicePlan } from '../service.ts';
import type { PlanContext } from './change.ts';
import type { Ipv6State } from './ipv6-state.ts';

interface KernelState {
  readonly text: string;
  /** Null where the kernel has rules that no text of ours holds. */
  readonly rules: RuleSet<6> | null;
  readonly sets: readonly IpSet<6>[];
}

/** The tables that are this service's, so that one without chains counts as empty. */
function bothTables({ raw = new Map(), filter = new Map() }: RuleSet<6>): RuleSet<6> {
  return { raw, filter };
}

function readRules(text: string): RuleSet<6> | null {
  try {
    return parseSave(text, 6);
  } catch (error) {
    if (error instanceof IptablesTextError) return null;
    throw error;
  }
}

/** False for the copy beside a set, which a crash may have left. */
function isServing({ name }: IpSet<6>): boolean {
  return stagedSetName(name.slice(0, -2)) !== name;
}

/** Whose state it becomes, or was. */
export interface Ipv6Owner {
  readonly adopt: () => void;
  readonly restore: () => void;
}

/** A full change, or the healing of one: the smallest change from what the kernel has, each table in one atomic step. */
export class Ipv6FullPlan implements ServicePlan {
  readonly #context: PlanContext & { readonly namePrefix: string };
  readonly #state: Ipv6State;
  readonly #document: RouterDocument;
  readonly #owner: Ipv6Owner;
  #found: KernelState | null = null;
  #applied = false;

  constructor(
    context: PlanContext & { readonly namePrefix: string },
    state: Ipv6State,
    document: RouterDocument,
    owner: Ipv6Owner,
  ) {
    this.#context = context;
    this.#state = state;
    this.#document = document;
    this.#owner = owner;
  }

  async #read(): Promise<KernelState> {
    const { kernel, namePrefix } = this.#context;
    const text = await kernel.save();
    return { text, rules: readRules(text), sets: parseIpSetSave(await kernel.saveSets(namePrefix), 6) };
  }

  #text({ rules }: KernelState): { readonly text: string; readonly whole: boolean } {
    const ruleSet = bothTables(this.#state.rules.ruleSet());
    if (rules === null) return { text: renderRuleSet(ruleSet), whole: true };
    return { text: renderTransaction(diffRuleSets(rules, ruleSet)), whole: false };
  }

  async stage(): Promise<void> {
    const { kernel, unused } = this.#context;
    const found = await this.#read();
    for (const set of found.sets) if (!isServing(set)) await kernel.destroySet(set.name);
    this.#found = { ...found, sets: found.sets.filter(isServing) };
    for (const { name } of this.#state.rules.sets()) unused.delete(name);
    await kernel.restoreSets(ipSetTransaction(this.#found.sets, this.#state.rules.sets()).stage);
    try {
      await kernel.test(this.#text(this.#found).text);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      throw new CheckError('ip6tables-restore refuses the rules', detail, [], { cause: error });
    }
  }

  async apply(): Promise<void> {
    const found = this.#found;
    if (found === null) throw new Error('apply without stage');
    const { kernel } = this.#context;
    this.#applied = true;
    await kernel.restoreSets(ipSetTransaction(found.sets, this.#state.rules.sets()).swap);
    const { text, whole } = this.#text(found);
    if (whole) await kernel.replace(text);
    else await kernel.restore(text);
    this.#owner.adopt();
  }

  /** Reads the rules back: at this one time what the kernel has was not known. */
  async verify(): Promise<void> {
    const rules = readRules(await this.#context.kernel.save());
    if (rules !== null && isEmptyTransaction(diffRuleSets(rules, bothTables(this.#state.rules.ruleSet())))) return;
    throw new Error('the rules that ip6tables-save shows are not those that were loaded');
  }

  async commit(): Promise<void> {
    const { unused, flows } = this.#context;
    const kept = new Set(this.#state.rules.sets().map(({ name }) => name));
    for (const { name } of this.#found?.sets ?? []) if (!kept.has(name)) unused.add(name);
    this.#found = null;
    await endStrayIpv6Flows(flows, this.#document);
    await unused.destroy();
  }

  /** The kernel's rules as they were found. Where there were none, those of this document stay: they deny more. */
  async revert(): Promise<void> {
    const found = this.#found;
    if (found === null) return;
    this.#found = null;
    const { kernel, unused } = this.#context;
    const { sets } = await this.#read();
    for (const set of sets) if (!isServing(set)) await kernel.destroySet(set.name);
    if (found.text === '') return;
    if (this.#applied) {
      const back = ipSetTransaction(sets.filter(isServing), found.sets);
      await kernel.restoreSets(back.stage);
      await kernel.restoreSets(back.swap);
      // ip6tables-restore does not take all that ip6tables-save prints.
      await kernel.replace(found.rules === null ? found.text : renderRuleSet(found.rules));
      this.#owner.restore();
    }
    const kept = new Set(found.sets.map(({ name }) => name));
    for (const { name } of this.#state.rules.sets()) if (!kept.has(name)) unused.add(name);
    await unused.destroy();
  }
}
