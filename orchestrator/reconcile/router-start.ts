// A router made on its host and brought up to date.
import type { ApplianceSpec } from '@isthmus/contract';
import { guestInterface, publicInterface } from '../compile/settings.ts';
import type { PortableState } from '../drivers/host-client.ts';
import type { Lease } from '../store/lease.ts';
import { placeRouter } from './allocate.ts';
import { onHost } from './hosts.ts';
import { darkness, type Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { endRouter } from './router-removal.ts';
import { guestSegment, publicSegment } from './segments.ts';
import { bootVirtualRouter, RouterBootError } from './virtual-router.ts';

/**
 * Makes and starts a router on its host, and waits until it serves its document. No work where it does already. A VM
 * that does not come up is tried once more on another host. `before`: what it was until it was found not to answer.
 */
export async function startRouterOf(parts: Parts, router: Router, lease: Lease, before = router.state): Promise<void> {
  if (router.state !== 'Running') await setRouterState(parts, router.id, 'Starting', null);
  try {
    await bringRouterUp(parts, await placeRouter(parts, router), lease);
  } catch (error) {
    // One that runs serves on where its host cannot be reached. Called Error it would have rules stored for its next
    // start, that is: reported as in force when they are not.
    const state = before === 'Running' && !(error instanceof RouterBootError) ? 'Running' : 'Error';
    await setRouterState(parts, router.id, state, reasonOf(error));
    throw error;
  }
  await setRouterState(parts, router.id, 'Running', null);
}

/**
 * A router that has a host carried there, with the state that it was handed over and its document. `beside`: its id where
 * another one serves the network still. Throws as `startRouterOf`; its row's state is the caller's.
 */
export async function bringRouterUp(parts: Parts, router: Router, lease: Lease, beside?: string): Promise<void> {
  const carried = await carryRouter(parts, router, lease);
  if (carried.handover !== null) await takeOver(parts, carried);
  await parts.pusher.bringUpToDate(router.network_id, lease, beside);
}

/** For an admin: also the last words of a VM that did not come up. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const tail = error instanceof RouterBootError ? error.serialConsole.trim() : '';
  return tail === '' ? message : `${message}\nThe last lines of its serial console:\n${tail}`;
}

/** The router running on its host, or on another where its VM does not come up there; the row as it is then. */
async function carryRouter(parts: Parts, router: Router, lease: Lease): Promise<Router> {
  if (!(await parts.agents.isVirtualMachine(router))) {
    await putRouter(parts, router);
    return router;
  }
  try {
    await bootVirtualRouter(parts, router, await nicsOf(parts, router), lease);
    return router;
  } catch (error) {
    if (!(error instanceof RouterBootError) || parts.ending.aborted) throw error;
    parts.log.warn('router does not come up; trying another host', { router: router.name, error: error.message });
    const moved = await moveRouter(parts, router);
    if (moved === null) throw error;
    return carryElsewhere(parts, moved, lease);
  }
}

async function carryElsewhere(parts: Parts, router: Router, lease: Lease): Promise<Router> {
  if (await parts.agents.isVirtualMachine(router)) {
    await bootVirtualRouter(parts, router, await nicsOf(parts, router), lease);
  } else {
    await putRouter(parts, router);
  }
  return router;
}

/**
 * The router on another host; null where no other can take it, or its end on the first is not confirmed: it is placed
 * elsewhere only when it is known not to run.
 */
async function moveRouter(parts: Parts, router: Router): Promise<Router | null> {
  const { id, host_id: failed } = router;
  if (failed === null) return null;
  try {
    return await placeRouter(parts, router, { awayFrom: failed, beforeMove: () => endRouter(parts, router) });
  } catch (error) {
    parts.log.warn('no other host takes the router', { router: router.name, error: String(error) });
    return null;
  } finally {
    parts.agents.forget(id);
  }
}

/** Of a router in a namespace. */
async function putRouter(parts: Parts, router: Router): Promise<void> {
  const nics = await nicsOf(parts, router);
  await onHost(async () => {
    const client = await parts.hosts.client(router.host_id);
    await client.putAppliance(router.id, { kind: 'router', nics, ...darkness(router) });
    await client.powerAppliance(router.id, 'start');
  });
}

async function nicsOf(parts: Parts, router: Router): Promise<ApplianceSpec['nics']> {
  const uplink = router.has_public_nic ? await publicSegment(parts.db, router.network_id) : null;
  const guest = {
    name: guestInterface,
    macAddress: router.guest_mac_address,
    segment: await guestSegment(parts.db, router.network_id),
    addresses: null,
  };
  const outside =
    uplink === null
      ? []
      : [{ name: publicInterface, macAddress: router.public_mac_address, segment: uplink, addresses: null }];
  return [guest, ...outside];
}

export async function setRouterState(
  parts: Parts,
  routerId: string,
  state: Router['state'],
  reason: string | null,
): Promise<void> {
  await parts.db.updateTable('router').set({ state, reason }).where('id', '=', routerId).execute();
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

async function takeOver(parts: Parts, router: Router): Promise<void> {
  const { handover } = router;
  if (handover === null) return;
  await onHost(async () => (await parts.agents.of(router)).importState(handover));
  await parts.db.updateTable('router').set({ handover: null }).where('id', '=', router.id).execute();
}
