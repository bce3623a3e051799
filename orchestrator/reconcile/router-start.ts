// A router made on its host and brought up to date.
import type { PortableState } from '../drivers/host-client.ts';
import type { Lease } from '../store/lease.ts';
import { carry, startOf } from './appliance.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { routersOf, takeOver } from './router-appliances.ts';

/** As `startOf` does, and throws. */
export function startRouterOf(parts: Parts, router: Router, lease: Lease): Promise<void> {
  return startOf(routersOf(parts), router, lease);
}

/**
 * A router that has a host carried there, with the state that it was handed over and its document. `beside`: its id where
 * another one serves the network still. Throws as `startOf`; its row's state is the caller's.
 */
export async function bringRouterUp(parts: Parts, router: Router, lease: Lease, beside?: string): Promise<void> {
  const carried = await carry(routersOf(parts), router, lease);
  await takeOver(parts, carried);
  await parts.pusher.bringUpToDate(router.network_id, lease, beside);
}

/** State to hand over; null where the old router is dead, since its replacement must come up all the same. */
export async function exportState(parts: Parts, router: Router): Promise<PortableState | null> {
  try {
    return await (await parts.agents.of(router)).exportState();
  } catch (error) {
    parts.log.warn('the router to be replaced hands over no leases', { router: router.name, error: String(error) });
    return null;
  }
}
