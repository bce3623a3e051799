// The packet filter of IPv6, a service of its own: a network without IPv6 pays for one load that closes it, once.
import type { RouterDocument, ServiceHealth } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { diffRuleSets, type RuleSet, renderRuleSet, renderTransaction } from '@isthmus/iptables-ts';
import { endStrayIpv6Flows } from '../conntrack/ipv6-revocation.ts';
import { ipv6FirewallFaults } from '../firewall.ts';
import { kernelSettings } from '../kernel-settings.ts';
import type {
  CheckFinding,
  DocumentChange,
  DocumentFault,
  HealthCheck,
  RouterService,
  ServiceContext,
  ServicePlan,
} from '../service.ts';
import { BaseChains } from './base-chains.ts';
import type { PlanContext } from './change.ts';
import { carryOut, type FilterOwner, FullPlan, type WantedFilter } from './full.ts';
import { Ipv6ChangePlan } from './ipv6-change.ts';
import { concernsIpv6, Ipv6State, ipv6SettingsOf } from './ipv6-state.ts';
import { createKernel } from './kernel.ts';
import { checkRules } from './rules-check.ts';
import { UnusedSets } from './unused-sets.ts';

const watched = [
  ['filter', 'FORWARD'],
  ['filter', 'INPUT'],
  ['raw', 'PREROUTING'],
] as const;

/** The tables that are this service's, so that one without chains counts as empty. */
function bothTables({ raw = new Map(), filter = new Map() }: RuleSet<6>): RuleSet<6> {
  return { raw, filter };
}

class Ipv6NetfilterService implements RouterService {
  readonly name = 'netfilter6';
  readonly checkEveryMs = 4000;
  readonly checks: readonly HealthCheck[] = [
    { name: 'iptables_check.py', kind: 'advanced', run: () => this.#readBack() },
  ];
  readonly #context: ServiceContext;
  readonly #plan: PlanContext & { readonly namePrefix: string };
  #state: Ipv6State | null = null;
  /** The agent's own, changed in place; looked at only to heal. */
  #document: RouterDocument | null = null;
  readonly #baseChains: BaseChains<(typeof watched)[number][0]>;

  constructor(context: ServiceContext) {
    const kernel = createKernel(context.host.commands, { family: 6, isNew: context.isNewKernel === true });
    this.#context = context;
    this.#baseChains = new BaseChains(kernel, watched);
    const flows = { host: context.host, deletionPath: `${context.paths.run}/netfilter6-flows` };
    const unused = new UnusedSets(kernel, context.host.clock);
    this.#plan = { kernel, flows, unused, namePrefix: context.namePrefix };
  }

  check(change: DocumentChange): DocumentFault[] {
    return concernsIpv6(change) ? ipv6FirewallFaults(change) : [];
  }

  plan(change: DocumentChange): ServicePlan | null {
    if (!concernsIpv6(change)) return null;
    const { document, entries } = change;
    const after = ipv6SettingsOf(document.settings, this.#context.control);
    const state = this.#state;
    if (change.full || state === null) return after.base === null ? this.#closing(document) : this.#full(document);
    const before = state.settings;
    if (before.base === null && after.base === null) return null;
    if (before.base === null || after.base === null) return this.#full(document);
    return new Ipv6ChangePlan(this.#plan, state, { before, after, entries: entries['firewall.ipv6'] }, document);
  }

  #owned(state: Ipv6State, document: RouterDocument): FilterOwner {
    const [stateBefore, documentBefore] = [this.#state, this.#document];
    return {
      adopt: () => {
        this.#state = state;
        this.#document = document;
      },
      restore: () => {
        this.#state = stateBefore;
        this.#document = documentBefore;
      },
    };
  }

  #full(document: RouterDocument): ServicePlan {
    const state = Ipv6State.of(this.#context.namePrefix, document, this.#context.control);
    const wanted = {
      family: 6,
      ruleSet: () => bothTables(state.rules.ruleSet()),
      sets: () => state.rules.sets(),
      changeFrom: (found) => renderTransaction(diffRuleSets(found, bothTables(state.rules.ruleSet()))),
      endStrayFlows: () => endStrayIpv6Flows(this.#plan.flows, document),
    } satisfies WantedFilter;
    return new FullPlan(this.#plan, { wanted, owner: this.#owned(state, document) });
  }

  /** Of a network without IPv6: drops all there is, in one process, and looks at nothing. It stays closed if reverted. */
  #closing(document: RouterDocument): ServicePlan | null {
    if (this.#state?.settings.base === null) return null;
    if (this.#state !== null) return this.#full(document);
    const state = Ipv6State.of(this.#context.namePrefix, document, this.#context.control);
    const owner = this.#owned(state, document);
    return {
      stage: async () => {},
      apply: async () => {
        await this.#close(state);
        owner.adopt();
      },
      verify: async () => {},
      commit: async () => {},
      revert: async () => owner.restore(),
    };
  }

  /** A kernel without IPv6 has nothing to close. */
  async #close(state: Ipv6State): Promise<void> {
    try {
      await this.#plan.kernel.replace(renderRuleSet(bothTables(state.rules.ruleSet())));
    } catch (error) {
      const key = 'net/ipv6/conf/all/disable_ipv6';
      const values = await kernelSettings(this.#context.host, this.#context.isInside === true).read([key]);
      if (!(error instanceof CommandError) || values.has(key)) throw error;
    }
  }

  /** A network without IPv6 is not looked at. */
  async health(): Promise<ServiceHealth> {
    const state = this.#state;
    const isOn = state !== null && state.settings.base !== null;
    if (isOn) await this.#baseChains.look((table, name) => state.rules.baseChain(table, name));
    const wrong = isOn ? this.#baseChains.wrong.map((each) => `IPv6: ${each}`) : [];
    const detail = isOn ? 'the base chains are in force' : 'the network has no IPv6';
    return {
      service: this.name,
      healthy: state !== null && wrong.length === 0,
      detail: state === null ? 'no rules were loaded yet' : wrong.length === 0 ? detail : wrong.join('; '),
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  /** Every rule and set; of a network without IPv6 nothing is read. */
  async #readBack(): Promise<CheckFinding> {
    const { kernel, namePrefix } = this.#plan;
    if (this.#state?.settings.base === null) return { status: 'SUCCESS', detail: 'the network has no IPv6' };
    const pause = () => this.#context.host.clock.sleep(1000);
    return checkRules({ kernel, namePrefix, family: 6, wanted: () => this.#state?.rules ?? null, pause });
  }

  /** Loads the whole again. */
  async heal(): Promise<void> {
    if (this.#document === null) return;
    await carryOut(this.#full(this.#document));
    this.#baseChains.clear();
  }

  async release(): Promise<void> {}

  /** The rules stay: a router that is stopped denies as it did. */
  async shutdown(): Promise<void> {}
}

/** The packet filter of one router's IPv6: `firewall.ipv6`. */
export function createIpv6NetfilterService(context: ServiceContext): RouterService {
  return new Ipv6NetfilterService(context);
}
