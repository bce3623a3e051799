// Alerts of what happens to routers and hosts, and the events beside them. A failure to record one stops nothing.
import { hostAlert, routerAlert, routerMoveAlert } from '../model/alert.ts';
import { noteAlert, raiseAlert, resolveAlert } from '../store/alert.ts';
import type { Parts } from './parts.ts';
import { recordHostEvent, recordRouterEvent } from './system-event.ts';

/** What of a router's row an alert tells. */
interface AlertedRouter {
  readonly id: string;
  readonly name: string;
  readonly zone_id: string;
  readonly pod_id: string;
}

/** What of a host's row an alert tells. */
interface AlertedHost {
  readonly id: string;
  readonly name: string;
  readonly zone_id: string;
  readonly pod_id: string;
}

async function attempt({ log }: Pick<Parts, 'log'>, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.error('an alert could not be recorded', { error: String(error) });
  }
}

function about(type: number, { id, zone_id, pod_id }: AlertedRouter | AlertedHost, description: string) {
  return { type, description, resourceId: id, zoneId: zone_id, podId: pod_id };
}

/** A router is not well: an alert and an event when it begins, then the alert is counted. */
export function alertRouter(parts: Pick<Parts, 'db' | 'log'>, router: AlertedRouter, words: string): Promise<void> {
  return attempt(parts, async () => {
    const description = `Router ${router.name}: ${words}`;
    if (!(await raiseAlert(parts.db, about(routerAlert, router, description)))) return;
    parts.log.warn('router alert', { router: router.name, words });
    await recordRouterEvent(parts.db, 'ALERT.DOMAIN.ROUTER', 'ERROR', description, router.id);
  });
}

/** A router is well again, where it was not. */
export function routerRecovered(parts: Pick<Parts, 'db' | 'log'>, router: AlertedRouter): Promise<void> {
  return attempt(parts, async () => {
    const description = `Router ${router.name} is healthy again`;
    if (!(await resolveAlert(parts.db, about(routerAlert, router, description)))) return;
    await recordRouterEvent(parts.db, 'ALERT.DOMAIN.ROUTER', 'INFO', description, router.id);
  });
}

/** A router was started on another host, or replaced. */
export function routerMoved(parts: Pick<Parts, 'db' | 'log'>, router: AlertedRouter, words: string): Promise<void> {
  return attempt(parts, () => noteAlert(parts.db, about(routerMoveAlert, router, `Router ${router.name}: ${words}`)));
}

/** A host is lost. `event`: the type of the event beside it. */
export function alertHost(
  parts: Pick<Parts, 'db' | 'log'>,
  host: AlertedHost,
  words: string,
  event: { readonly type: string; readonly level: 'WARN' | 'ERROR' },
): Promise<void> {
  return attempt(parts, async () => {
    const description = `Host ${host.name}: ${words}`;
    await raiseAlert(parts.db, about(hostAlert, host, description));
    await recordHostEvent(parts.db, event.type, event.level, description, host.id);
  });
}

/** A host is back, where it was lost. */
export function hostRecovered(parts: Pick<Parts, 'db' | 'log'>, host: AlertedHost): Promise<void> {
  return attempt(parts, async () => {
    await resolveAlert(parts.db, about(hostAlert, host, `Host ${host.name} is back`));
  });
}
