// The periodic fetch of routers' health checks, and the replacement of routers that stay unhealthy where an admin wants it.
import { routerAlert } from '../model/alert.ts';
import { forgetRecreationsMs, mayRecreate } from '../model/health.ts';
import { checkNames } from '../model/health-settings.ts';
import { resolveAbsent } from '../store/alert.ts';
import { applianceMoved } from './alerts.ts';
import { restartNetwork } from './network.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { fetchRouterHealth } from './router-health.ts';

/** Routers that are asked at a time. */
const askedAtOnce = 8;
const minuteMs = 60_000;

/** Fetches the results of every router when they are due, one round at a time. */
export class RouterHealthMonitor {
  readonly #parts: Parts;
  /** When each router was asked last, by `performance.now()`. */
  readonly #askedMs = new Map<string, number>();
  #work: Promise<void> | null = null;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Begins to ask the routers that are due, unless it still asks; does not wait for them. */
  async round(): Promise<void> {
    if (this.#work !== null) return;
    const { setting } = this.#parts;
    const everyMs = Number(await setting('router.health.checks.results.fetch.interval')) * minuteMs;
    const isEnabled = (await setting('router.health.checks.enabled')).toLowerCase() === 'true';
    if (!isEnabled || !(everyMs > 0)) return;
    await resolveAbsent(this.#parts.db, routerAlert, 'router');
    const due = await this.#due(everyMs);
    if (due.length === 0) return;
    this.#work = this.#ask(due).finally(() => {
      this.#work = null;
    });
  }

  /** Waits for what is under way. */
  async settle(): Promise<void> {
    await this.#work;
  }

  async #due(everyMs: number): Promise<Router[]> {
    const routers = await this.#parts.db
      .selectFrom('router')
      .selectAll()
      .where('state', '=', 'Running')
      .where('replaces', 'is', null)
      .execute();
    const present = new Set(routers.map(({ id }) => id));
    for (const id of this.#askedMs.keys()) if (!present.has(id)) this.#askedMs.delete(id);
    const now = performance.now();
    return routers.filter(({ id }) => now - (this.#askedMs.get(id) ?? Number.NEGATIVE_INFINITY) >= everyMs);
  }

  async #ask(due: readonly Router[]): Promise<void> {
    const queue = [...due];
    const worker = async (): Promise<void> => {
      for (let router = queue.shift(); router !== undefined; router = queue.shift()) {
        if (this.#parts.ending.aborted) return;
        this.#askedMs.set(router.id, performance.now());
        await this.#look(router);
      }
    };
    await Promise.all(Array.from({ length: askedAtOnce }, worker));
  }

  async #look(router: Router): Promise<void> {
    try {
      const failed = await fetchRouterHealth(this.#parts, router, false);
      const { setting } = this.#parts;
      const fatal = checkNames(await setting('router.health.checks.failures.to.recreate.vr'));
      const count = Number(await setting('router.health.checks.failures.to.recreate.vr.count'));
      const reasons = failed.filter(({ name, failures }) => fatal.includes(name) && failures >= count);
      if (reasons.length > 0) await this.#recreate(router, reasons.map(({ name }) => name).join(', '));
      else if (failed.length === 0) await this.#forget(router);
    } catch (error) {
      this.#parts.log.warn('the health of a router could not be looked at', {
        router: router.name,
        error: String(error),
      });
    }
  }

  /** A new router in the place of one that stays unhealthy, with pauses that grow. */
  async #recreate(router: Router, reasons: string): Promise<void> {
    const { db, log } = this.#parts;
    const networkId = router.network_id;
    const before = await db
      .selectFrom('router_recreation')
      .selectAll()
      .where('network_id', '=', networkId)
      .executeTakeFirst();
    const attempts = before?.attempts ?? 0;
    const last = new Date();
    if (!mayRecreate(attempts, before?.last ?? null, last)) return;
    // Written down first: an attempt that ends this process, too, is followed by a pause.
    await db
      .insertInto('router_recreation')
      .values({ network_id: networkId, attempts: attempts + 1, last })
      .onConflict((conflict) => conflict.column('network_id').doUpdateSet({ attempts: attempts + 1, last }))
      .execute();
    log.warn('replacing a router whose health checks fail', { router: router.name, reasons });
    await restartNetwork(this.#parts, networkId, true);
    const words = `replaced by another, since its health checks failed: ${reasons}`;
    await applianceMoved(this.#parts, 'router', router, words);
  }

  async #forget({ network_id: networkId }: Router): Promise<void> {
    await this.#parts.db
      .deleteFrom('router_recreation')
      .where('network_id', '=', networkId)
      .where('last', '<', new Date(Date.now() - forgetRecreationsMs))
      .execute();
  }
}
