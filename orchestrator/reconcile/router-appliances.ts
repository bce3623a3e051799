// Routers as appliances: what is their own of what all appliances have done to them.
import { guestInterface, publicInterface } from '../compile/settings.ts';
import type { Appliances } from './appliance-kind.ts';
import { onHost } from './hosts.ts';
import { keepLastBytes } from './metering.ts';
import { darkness, type Router } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { placeRouter } from './place-router.ts';
import { guestSegment, publicSegment } from './segments.ts';

/** Whoever works on a router holds its network's lock. */
export function routersOf(parts: Parts): Appliances<Router> {
  const { db, agents, pusher } = parts;
  return {
    parts,
    kind: 'router',
    noun: 'router',
    documents: pusher,
    lock: parts.lock,
    lockedBy: async (id) =>
      (await db.selectFrom('router').select('network_id').where('id', '=', id).executeTakeFirst())?.network_id,
    row: (id) => db.selectFrom('router').selectAll().where('id', '=', id).executeTakeFirst(),
    change: (id, change) =>
      db.updateTable('router').set(change).where('id', '=', id).returningAll().executeTakeFirstOrThrow(),
    hasOwnAgent: (router) => agents.isVirtualMachine(router),
    place: (router, wishes) => placeRouter(parts, router, wishes),
    spec: async (router) => ({ nics: await nicsOf(parts, router), ...darkness(router) }),
    // The state of another router has to come before the document.
    firstPush: async (router, lease) => (router.handover === null ? pusher.fullPush(router, lease) : null),
    bringUpToDate: async (router, lease) => {
      await takeOver(parts, router);
      await pusher.bringUpToDate(router.network_id, lease);
    },
    lastWords: (router) => keepLastBytes(parts, router),
    remove: async ({ id }) => {
      await db.deleteFrom('router').where('id', '=', id).execute();
    },
  };
}

async function nicsOf(parts: Parts, router: Router) {
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

/** Gives a router the state that it was handed over, where it has not had it yet. */
export async function takeOver(parts: Parts, router: Router): Promise<void> {
  const { handover } = router;
  if (handover === null) return;
  await onHost(async () => (await parts.agents.of(router)).importState(handover));
  await parts.db.updateTable('router').set({ handover: null }).where('id', '=', router.id).execute();
}
