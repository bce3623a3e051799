// The packet filter of the router: the sections nat and firewall, as iptables rules, ipsets and tracked flows.
// Where each decision stands and why: docs/explanation/packet-path.md.
import type { Operations, RouterDocument, ServiceHealth } from '@isthmus/contract';
import { endStrayFlows } from '../conntrack/revocation.ts';
import { exportFlows, importFlows } from '../conntrack/transfer.ts';
import { firewallFaults } from '../firewall.ts';
import { natFaults } from '../nat.ts';
import type {
  DocumentChange,
  DocumentFault,
  HealthCheck,
  RouterService,
  ServiceContext,
  ServicePlan,
} from '../service.ts';
import { BaseChains } from './base-chains.ts';
import { ChangePlan, type PlanContext } from './change.ts';
import { closedChange, everyTable } from './closed-change.ts';
import { carryOut, FullPlan, type WantedFilter } from './full.ts';
import { createKernel } from './kernel.ts';
import { checkRules } from './rules-check.ts';
import { concernsFilter, FilterState } from './state.ts';
import { UnusedSets } from './unused-sets.ts';

const watched = [
  ['filter', 'FORWARD'],
  ['mangle', 'PREROUTING'],
  ['filter', 'INPUT'],
  ['nat', 'PREROUTING'],
  ['raw', 'PREROUTING'],
  ['nat', 'POSTROUTING'],
] as const;

class NetfilterService implements RouterService {
  readonly name = 'netfilter';
  /** Six chains in turn: a change by somebody else is found within 12 s, for 0.2% of a processor. */
  readonly checkEveryMs = 2000;
  readonly operations: Operations;
  readonly checks: readonly HealthCheck[];
  readonly #context: ServiceContext;
  readonly #plan: PlanContext & { readonly namePrefix: string };
  #state: FilterState | null = null;
  /** The agent's own, changed in place; looked at only to heal. */
  #document: RouterDocument | null = null;
  readonly #baseChains: BaseChains<(typeof watched)[number][0]>;

  constructor(context: ServiceContext) {
    const { commands, clock } = context.host;
    const kernel = createKernel(commands, { family: 4, isNew: context.isNewKernel === true });
    this.#context = context;
    this.#baseChains = new BaseChains(kernel, watched);
    this.operations = {
      'export-flows': async () => {
        const { guestNetworkIpv6 } = this.#document?.settings.firewall ?? {};
        return { flows: await exportFlows(context.host, guestNetworkIpv6 !== undefined) };
      },
      'import-flows': ({ flows }) => importFlows(context.host, `${context.paths.run}/netfilter-taken-flows`, flows),
    };
    const flows = { host: context.host, deletionPath: `${context.paths.run}/netfilter-flows` };
    this.#plan = { kernel, flows, unused: new UnusedSets(kernel, clock), namePrefix: context.namePrefix };
    const look = () =>
      checkRules({
        kernel,
        namePrefix: context.namePrefix,
        family: 4,
        wanted: () => this.#state,
        pause: () => clock.sleep(1000),
      });
    this.checks = [{ name: 'iptables_check.py', kind: 'advanced', run: look }];
  }

  check(change: DocumentChange): DocumentFault[] {
    if (!concernsFilter(change)) return [];
    const index = this.#state?.index ?? new FilterState(this.#context.namePrefix).index;
    return [...natFaults(change, index), ...firewallFaults(change)];
  }

  plan(change: DocumentChange): ServicePlan | null {
    if (!concernsFilter(change)) return null;
    const { document } = change;
    const { enabled } = document.settings.loadBalancing;
    if (change.full || this.#state === null || this.#state.isBalancing !== enabled) return this.#fullPlan(document);
    return new ChangePlan(this.#plan, this.#state, this.#state.changeOf(change), document);
  }

  #fullPlan(document: RouterDocument): FullPlan {
    const [stateBefore, documentBefore] = [this.#state, this.#document];
    const state = FilterState.of(this.#context.namePrefix, document, this.#context.control);
    const wanted = {
      family: 4,
      ruleSet: () => everyTable(state.ruleSet()),
      sets: () => state.sets(),
      changeFrom: (found) => closedChange(found, state),
      endStrayFlows: () => endStrayFlows(this.#plan.flows, document),
    } satisfies WantedFilter;
    const owner = {
      adopt: () => {
        this.#state = state;
        this.#document = document;
      },
      restore: () => {
        this.#state = stateBefore;
        this.#document = documentBefore;
      },
    };
    return new FullPlan(this.#plan, { wanted, owner });
  }

  async health(): Promise<ServiceHealth> {
    const state = this.#state;
    if (state !== null) await this.#baseChains.look((table, name) => state.baseChain(table, name));
    const { wrong } = this.#baseChains;
    const detail = state === null ? 'no rules were loaded yet' : 'the base chains are in force';
    return {
      service: this.name,
      healthy: state !== null && wrong.length === 0,
      detail: wrong.length === 0 ? detail : wrong.join('; '),
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  /** Loads the whole again. */
  async heal(): Promise<void> {
    if (this.#document === null) return;
    await carryOut(this.#fullPlan(this.#document));
    this.#baseChains.clear();
  }

  async release(): Promise<void> {}

  /** The rules stay: a router that is stopped denies as it did. */
  async shutdown(): Promise<void> {}
}

/** The packet filter of one router. */
export function createNetfilterService(context: ServiceContext): RouterService {
  return new NetfilterService(context);
}
