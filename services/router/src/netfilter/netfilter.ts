// The packet filter of the router: the sections nat and firewall, as iptables rules, ipsets and tracked flows.
// Where each decision stands and why: docs/explanation/packet-path.md.
import type { Operations, RouterDocument, ServiceHealth } from '@isthmus/contract';
import { type Chain, renderRule, type TableName } from '@isthmus/iptables-ts';
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
import { ChangePlan, type PlanContext } from './change.ts';
import { FullPlan } from './full.ts';
import { createKernel } from './kernel.ts';
import { checkRules } from './rules-check.ts';
import { concernsFilter, FilterState } from './state.ts';
import { UnusedSets } from './unused-sets.ts';

/** The chains that everything else hangs from. */
const watched: readonly (readonly [TableName, string])[] = [
  ['filter', 'FORWARD'],
  ['mangle', 'PREROUTING'],
  ['filter', 'INPUT'],
  ['nat', 'PREROUTING'],
  ['raw', 'PREROUTING'],
  ['nat', 'POSTROUTING'],
];

/** A built-in chain as `iptables -S CHAIN` prints it. */
function listingOf(name: string, { policy = 'ACCEPT', rules }: Chain): string {
  return [`-P ${name} ${policy}`, ...rules.map((rule) => renderRule(name, rule)), ''].join('\n');
}

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
  #watchedNext = 0;
  /** What the last look at each watched chain found wrong. */
  readonly #wrong = new Map<string, string>();

  constructor(context: ServiceContext) {
    const { commands, clock } = context.host;
    const kernel = createKernel(commands);
    this.#context = context;
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
    return new FullPlan(this.#plan, state, document, {
      adopt: () => {
        this.#state = state;
        this.#document = document;
      },
      restore: () => {
        this.#state = stateBefore;
        this.#document = documentBefore;
      },
    });
  }

  /** Looks at one chain a call, in turn, since a look costs a process. */
  async health(): Promise<ServiceHealth> {
    const [table, name] = watched[this.#watchedNext % watched.length] ?? ['filter', 'FORWARD'];
    this.#watchedNext += 1;
    if (this.#state !== null) await this.#look(this.#state, table, name);
    const wrong = [...this.#wrong.values()];
    const detail = this.#state === null ? 'no rules were loaded yet' : 'the base chains are in force';
    return {
      service: this.name,
      healthy: this.#state !== null && wrong.length === 0,
      detail: wrong.length === 0 ? detail : wrong.join('; '),
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  async #look(state: FilterState, table: TableName, name: string): Promise<void> {
    const chain = state.baseChain(table, name);
    const expected = chain === undefined ? '' : listingOf(name, chain);
    const found = await this.#plan.kernel.chain(table, name);
    const key = `${table} ${name}`;
    if (found === expected) this.#wrong.delete(key);
    else this.#wrong.set(key, `chain ${name} of table ${table} is not as it was loaded`);
  }

  /** Loads the whole again. */
  async heal(): Promise<void> {
    if (this.#document === null) return;
    const plan = this.#fullPlan(this.#document);
    await plan.stage();
    await plan.apply();
    await plan.verify();
    await plan.commit();
    this.#wrong.clear();
  }

  async release(): Promise<void> {}

  /** The rules stay: a router that is stopped denies as it did. */
  async shutdown(): Promise<void> {}
}

/** The packet filter of one router. */
export function createNetfilterService(context: ServiceContext): RouterService {
  return new NetfilterService(context);
}
