// A router started, stopped, rebooted and destroyed by its admin.
import { sameIdentity } from '@isthmus/contract';
import type { Lease } from '../store/lease.ts';
import { destroy, reboot, revive, startOf, stop, takeApplianceOff, withAppliance } from './appliance.ts';
import { onHost } from './hosts.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { routersOf } from './router-appliances.ts';

/** Works on a router while nobody else works on its network. No work where it is gone. */
export function withRouter(
  parts: Parts,
  id: string,
  work: (router: Router, lease: Lease) => Promise<void>,
): Promise<void> {
  return withAppliance(routersOf(parts), id, work);
}

/** Starts a router with its last document and what changed since. */
export function startRouter(parts: Parts, id: string): Promise<void> {
  const routers = routersOf(parts);
  return withAppliance(routers, id, (router, lease) => startOf(routers, router, lease));
}

/** Starts a router again that should run, unless it was stopped since. */
export function reviveRouter(parts: Parts, id: string): Promise<void> {
  return revive(routersOf(parts), id);
}

/** Takes a router off a host that is about to be removed, and starts it elsewhere where it should run. */
export function takeRouterOff(parts: Parts, id: string, host: { readonly id: string }): Promise<void> {
  return takeApplianceOff(routersOf(parts), id, host);
}

/**
 * Pushes the whole document where a router serves another state than it acknowledged, as after the restore of a backup
 * of the store. Both are read under the lock, where no push is under way.
 */
export async function realignRouter(parts: Parts, id: string): Promise<void> {
  await withRouter(parts, id, async (router, lease) => {
    if (router.state !== 'Running') return;
    const { serving } = await onHost(async () => (await parts.agents.of(router)).status());
    if (sameIdentity(serving, await parts.pusher.acknowledged(id))) return;
    parts.log.warn('router serves another state than it acknowledged; pushing in full', { router: router.name });
    await parts.pusher.forgetAcknowledgement(id);
    await parts.pusher.bringUpToDate(router.network_id, lease);
  });
}

/** Stops a router. `forced`: it counts as stopped even where its host does not answer. */
export function stopRouter(parts: Parts, id: string, forced: boolean): Promise<void> {
  return stop(routersOf(parts), id, forced);
}

/** Stops a router's services and starts them again from its last document. */
export function rebootRouter(parts: Parts, id: string): Promise<void> {
  return reboot(routersOf(parts), id);
}

/** Removes a router; the next start of an instance, or restartNetwork, makes a new one. */
export function destroyRouter(parts: Parts, id: string): Promise<void> {
  return destroy(routersOf(parts), id);
}
