// The look at routers: does each run, does it serve what it should. One in a namespace is brought back at once; a VM takes
// its time, which the rest of the monitor's round does not wait for.
import { type ApplianceReport, type Identity, sameIdentity } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { isExpiredPeer } from '../drivers/errors.ts';
import type { RouterTable } from '../store/schema.ts';
import { alertRouter, routerRecovered } from './alerts.ts';
import { renewExpiredAppliance } from './expired-certificate.ts';
import type { Parts } from './parts.ts';
import { realignRouter, reviveRouter } from './router.ts';

type WatchedRouter = Selectable<RouterTable> & {
  readonly acknowledged_epoch: string | null;
  readonly acknowledged_generation: number;
  readonly acknowledged_hash: string | null;
};

/** So many looks in a row that a VM's agent does not answer: it is not just busy. */
const mostSilentLooks = 2;
/** Pause after a start that failed; it doubles with each that follows. */
const firstPauseMs = 5_000;
const longestPauseMs = 300_000;

interface Revival {
  failures: number;
  notBeforeMs: number;
  work: Promise<void> | null;
}

export class RouterMonitor {
  readonly #parts: Parts;
  /** Looks in a row at which a VM's agent was silent. */
  readonly #silentLooks = new Map<string, number>();
  readonly #revivals = new Map<string, Revival>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One look at the routers of a host, and what the host says of them. Failures are logged. */
  async look(hostId: string, reports: readonly ApplianceReport[]): Promise<void> {
    const byId = new Map(reports.map((report) => [report.id, report]));
    const routers = await this.#routersOf(hostId);
    const virtual: Promise<void>[] = [];
    for (const router of routers) {
      const report = byId.get(router.id);
      if (await this.#parts.agents.isVirtualMachine(router)) virtual.push(this.#lookAtVirtualMachine(router, report));
      else await this.#lookAtNamespace(router, report);
    }
    await Promise.all(virtual);
  }

  /** Waits for the starts that are under way. */
  async settle(): Promise<void> {
    for (const { work } of [...this.#revivals.values()]) await work;
  }

  #routersOf(hostId: string): Promise<WatchedRouter[]> {
    return (
      this.#parts.db
        .selectFrom('router')
        .innerJoin('router_document', 'router_document.router_id', 'router.id')
        .innerJoin('network', 'network.id', 'router.network_id')
        .selectAll('router')
        .select(['acknowledged_epoch', 'acknowledged_generation', 'acknowledged_hash'])
        .where('router.host_id', '=', hostId)
        // Starting and Error: a start that failed, or whose orchestrator died. Whoever still works on it holds the lock.
        .where('router.state', 'in', ['Running', 'Starting', 'Error'])
        // One that is to replace another is its builder's.
        .where('router.replaces', 'is', null)
        .where('network.state', '=', 'Implemented')
        .execute()
    );
  }

  async #lookAtNamespace(router: WatchedRouter, report: ApplianceReport | undefined): Promise<void> {
    if (report?.state !== 'Running' || router.state !== 'Running') {
      this.#parts.log.warn('router is not running; starting it again', { router: router.name });
      const isBack = await this.#attempt(router, () => reviveRouter(this.#parts, router.id));
      if (isBack) await routerRecovered(this.#parts, router);
      else await alertRouter(this.#parts, router, 'it does not run and could not be started again');
    } else if (!sameIdentity(report.agent?.serving ?? null, acknowledgedOf(router))) {
      await this.#attempt(router, () => realignRouter(this.#parts, router.id));
    }
  }

  async #lookAtVirtualMachine(router: WatchedRouter, report: ApplianceReport | undefined): Promise<void> {
    if (report?.state !== 'Running' || router.state !== 'Running') {
      this.#revive(router, report?.reason ?? 'it is not running');
      return;
    }
    try {
      const { serving } = await this.#parts.agents.inside(router).status();
      this.#silentLooks.delete(router.id);
      this.#revivals.delete(router.id);
      if (sameIdentity(serving, acknowledgedOf(router))) return;
      await this.#attempt(router, () => realignRouter(this.#parts, router.id));
    } catch (error) {
      if (isExpiredPeer(error) && (await renewExpiredAppliance(this.#parts, router))) return;
      const silent = (this.#silentLooks.get(router.id) ?? 0) + 1;
      this.#silentLooks.set(router.id, silent);
      // It waits for the VM first, which its host may have started again by itself.
      if (silent >= mostSilentLooks) this.#revive(router, error instanceof Error ? error.message : String(error));
    }
  }

  /** Starts a VM again, without waiting for it. */
  #revive(router: WatchedRouter, reason: string): void {
    const revival = this.#revivals.get(router.id) ?? { failures: 0, notBeforeMs: 0, work: null };
    this.#revivals.set(router.id, revival);
    if (revival.work !== null || performance.now() < revival.notBeforeMs) return;
    this.#parts.log.warn('router is not running; starting it again', { router: router.name, reason });
    revival.work = reviveRouter(this.#parts, router.id)
      .then(async () => {
        this.#silentLooks.delete(router.id);
        this.#revivals.delete(router.id);
        await routerRecovered(this.#parts, router);
      })
      .catch(async (error: unknown) => {
        const pauseMs = Math.min(firstPauseMs * 2 ** revival.failures, longestPauseMs);
        revival.failures += 1;
        revival.notBeforeMs = performance.now() + pauseMs;
        this.#parts.log.warn('router could not be started again', {
          router: router.name,
          error: String(error),
          pauseMs,
        });
        await alertRouter(this.#parts, router, `it does not run and could not be started again: ${String(error)}`);
      })
      .finally(() => {
        revival.work = null;
      });
  }

  async #attempt({ name }: Pick<WatchedRouter, 'name'>, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      this.#parts.log.warn('a router could not be brought to its document', { router: name, error: String(error) });
      return false;
    }
  }
}

function acknowledgedOf(router: WatchedRouter): Identity | null {
  const { acknowledged_epoch: epoch, acknowledged_generation: generation, acknowledged_hash: hash } = router;
  return epoch === null || hash === null ? null : { epoch, generation, hash };
}
