// The HAProxy of a router as a service of the agent: the section `loadBalancing`, but for UDP, which netfilter carries.
import type { Operations, ServiceHealth } from '@isthmus/contract';
import { loadBalancingFaults } from '../load-balancing.ts';
import type {
  DiagnosticFile,
  DocumentChange,
  DocumentFault,
  RouterService,
  ServiceContext,
  ServicePlan,
} from '../service.ts';
import { Turns } from '../turns.ts';
import { globalPath, haproxyLayout, proxyPath } from './layout.ts';
import { BalancerEntries, concernsBalancing } from './proxies.ts';
import { HaproxyServer, type Work } from './server.ts';

class HaproxyService implements RouterService {
  readonly name = 'haproxy';
  readonly checkEveryMs = 2000;
  readonly operations: Operations;
  readonly #context: ServiceContext;
  readonly #server: HaproxyServer;
  readonly #turns = new Turns();

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#server = new HaproxyServer(context.host, haproxyLayout(context.paths));
    this.operations = {
      'load-balancer-statistics': () =>
        this.#turns.take(() => this.#server.statistics.answer(this.#server.entries ?? new BalancerEntries())),
    };
  }

  check(change: DocumentChange): DocumentFault[] {
    if (!concernsBalancing(change)) return [];
    return loadBalancingFaults(change, this.#server.entries ?? new BalancerEntries());
  }

  plan(change: DocumentChange): ServicePlan | null {
    return concernsBalancing(change) ? this.#planOf(change) : null;
  }

  #planOf(change: DocumentChange): ServicePlan {
    const server = this.#server;
    let work: Work | null = null;
    let isApplied = false;
    return {
      stage: () =>
        this.#turns.take(async () => {
          work = await server.prepare(change);
          await server.check(work);
        }),
      apply: () =>
        this.#turns.take(async () => {
          if (work === null) throw new Error('apply without stage');
          isApplied = true;
          await server.apply(work);
        }),
      verify: async () => {
        if (work === null || work.way === 'nothing' || server.served.size === 0) return;
        if ((await server.daemon.master()) === null) throw new Error('haproxy is not running: expected it to serve');
      },
      commit: async () => {},
      revert: () =>
        this.#turns.take(async () => {
          const done = work;
          work = null;
          if (done !== null) await server.revert(done, isApplied);
        }),
    };
  }

  /** The files of the configuration and the log; certificates with their keys lie in files of their own. */
  diagnosticFiles(): DiagnosticFile[] {
    const layout = haproxyLayout(this.#context.paths);
    const rules = [...this.#server.served.keys()].sort();
    return [
      { name: 'haproxy-global.cfg', path: globalPath(layout) },
      ...rules.map((id) => ({ name: `haproxy-rule-${id}.cfg`, path: proxyPath(layout, id) })),
      { name: 'haproxy.log', path: layout.log },
    ];
  }

  async health(): Promise<ServiceHealth> {
    const fault = await this.#turns.take(() => this.#fault());
    const count = this.#server.served.size;
    return {
      service: this.name,
      healthy: fault === null,
      detail: fault ?? (count === 0 ? 'no rule asks for it' : `listens for ${count} rules`),
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  async #fault(): Promise<string | null> {
    const { settings, served, daemon, leaving } = this.#server;
    if (settings === null) return 'no document is applied';
    if (served.size === 0) return null;
    if ((await daemon.master()) === null) return 'haproxy is not running';
    await daemon.boundLog();
    const rows = await this.#server.statistics.look(this.#server.entries);
    const open = new Set(rows.filter(({ status }) => status === 'OPEN').map(({ proxy }) => proxy));
    const closed = [...served].filter(([, { proxy }]) => !open.has(proxy.name)).map(([id]) => id);
    if (closed.length > 0) return `haproxy does not listen for ${closed.slice(0, 3).join(', ')}`;
    if (leaving.size > 0) await leaving.settle(settings.hardStopAfterMs);
    return null;
  }

  async heal(): Promise<void> {
    await this.#turns.take(() => this.#server.restart());
  }

  async release(): Promise<void> {}

  async shutdown(): Promise<void> {
    await this.#turns.take(() => this.#server.shutdown());
  }
}

/** One HAProxy for all rules of TCP. It runs only while there is one. */
export function createHaproxyService(context: ServiceContext): RouterService {
  return new HaproxyService(context);
}
