// The look at routers.
import type { ApplianceReport } from '@isthmus/contract';
import { ApplianceMonitor } from './appliance-monitor.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { realignRouter } from './router.ts';
import { routersOf } from './router-appliances.ts';

export class RouterMonitor {
  readonly #monitor: ApplianceMonitor<Router>;

  constructor(parts: Parts) {
    this.#monitor = new ApplianceMonitor<Router>({
      all: routersOf(parts),
      rowsOf: (hostId) =>
        parts.db
          .selectFrom('router')
          .innerJoin('network', 'network.id', 'router.network_id')
          .selectAll('router')
          .where('router.host_id', '=', hostId)
          // Starting and Error: a start that failed, or whose orchestrator died. Whoever still works on it holds the lock.
          .where('router.state', 'in', ['Running', 'Starting', 'Error'])
          // One that is to replace another is its builder's.
          .where('router.replaces', 'is', null)
          .where('network.state', '=', 'Implemented')
          .execute(),
      realign: (id) => realignRouter(parts, id),
    });
  }

  /** One look at the routers of a host, and what the host says of them. Failures are logged. */
  look(hostId: string, reports: readonly ApplianceReport[]): Promise<void> {
    return this.#monitor.look(hostId, reports);
  }

  /** Waits for the starts that are under way. */
  settle(): Promise<void> {
    return this.#monitor.settle();
  }
}
