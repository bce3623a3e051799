// A router made on its host and brought up to date, and its replacement by a new one that takes over its leases.
import type { ApplianceSpec } from '@isthmus/contract';
import { guestInterface, publicInterface } from '../compile/settings.ts';
import type { PortableState } from '../drivers/host-client.ts';
import type { Lease } from '../store/lease.ts';
import { placeRouter } from './allocate.ts';
import { onHost } from './hosts.ts';
import { createRouter, lockNetwork, type Router } from './network-rows.ts';
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
    const carried = await carryRouter(parts, await placeRouter(parts, router), lease);
    if (carried.handover !== null) await takeOver(parts, carried);
    await parts.pusher.bringUpToDate(router.network_id, lease);
  } catch (error) {
    // One that runs serves on where its host cannot be reached. Called Error it would have rules stored for its next
    // start, that is: reported as in force when they are not.
    const state = before === 'Running' && !(error instanceof RouterBootError) ? 'Running' : 'Error';
    await setRouterState(parts, router.id, state, reasonOf(error));
    throw error;
  }
  await setRouterState(parts, router.id, 'Running', null);
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
    await client.putAppliance(router.id, { kind: 'router', nics });
    await client.powerAppliance(router.id, 'start');
  });
}

async function nicsOf(parts: Parts, router: Router): Promise<ApplianceSpec['nics']> {
  const uplink = await publicSegment(parts.db, router.network_id);
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

/**
 * A new router takes the place of one and its leases. Each step is found again after a crash: what is handed over is
 * written down before the old router goes, and stays so until the new one has it.
 */
export async function replaceRouter(parts: Parts, old: Router, lease: Lease): Promise<void> {
  const { db } = parts;
  const handover = (await exportState(parts, old)) ?? old.handover;
  await db
    .updateTable('router')
    .set({ handover: handover === null ? null : JSON.stringify(handover) })
    .where('id', '=', old.id)
    .execute();
  await endRouter(parts, old);
  const router = await db.transaction().execute(async (trx) => {
    const network = await lockNetwork(trx, old.network_id);
    await trx.deleteFrom('router').where('id', '=', old.id).execute();
    const { id } = await createRouter(trx, network);
    return trx
      .updateTable('router')
      .set({ host_id: old.host_id, handover: handover === null ? null : JSON.stringify(handover) })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
  await startRouterOf(parts, router, lease);
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
