// A router made on its host and brought up to date, and its replacement by a new one that takes over its leases.
import { guestInterface, publicInterface } from '../compile/settings.ts';
import type { PortableState } from '../drivers/host-client.ts';
import type { Lease } from '../store/lease.ts';
import { placeRouter } from './allocate.ts';
import { onHost } from './hosts.ts';
import { createRouter, lockNetwork, type Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { guestSegment, publicSegment } from './segments.ts';

/** Makes and starts a router on its host, and waits until it serves its document. No work where it does already. */
export async function startRouterOf(parts: Parts, router: Router, lease: Lease): Promise<void> {
  if (router.state !== 'Running') await setRouterState(parts, router.id, 'Starting', null);
  try {
    const placed = await placeRouter(parts, router);
    await putRouter(parts, placed);
    if (placed.handover !== null) await takeOver(parts, placed);
    await parts.pusher.bringUpToDate(router.network_id, lease);
  } catch (error) {
    // One that runs serves on where its host cannot be reached. Called Error it would have rules stored for its next
    // start, that is: reported as in force when they are not.
    const state = router.state === 'Running' ? 'Running' : 'Error';
    await setRouterState(parts, router.id, state, error instanceof Error ? error.message : String(error));
    throw error;
  }
  await setRouterState(parts, router.id, 'Running', null);
}

async function putRouter(parts: Parts, router: Router): Promise<void> {
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
  await onHost(async () => {
    const client = await parts.hosts.client(router.host_id);
    await client.putAppliance(router.id, { kind: 'router', nics: [guest, ...outside] });
    await client.powerAppliance(router.id, 'start');
  });
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
  if (old.host_id !== null) {
    await onHost(async () => (await parts.hosts.client(old.host_id)).deleteAppliance(old.id));
  }
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
async function exportState(parts: Parts, router: Router): Promise<PortableState | null> {
  try {
    return await (await parts.hosts.client(router.host_id)).exportState(router.id);
  } catch (error) {
    parts.log.warn('the router to be replaced hands over no leases', { router: router.name, error: String(error) });
    return null;
  }
}

async function takeOver(parts: Parts, { id, host_id: hostId, handover }: Router): Promise<void> {
  if (handover === null) return;
  await onHost(async () => (await parts.hosts.client(hostId)).importState(id, handover));
  await parts.db.updateTable('router').set({ handover: null }).where('id', '=', id).execute();
}
