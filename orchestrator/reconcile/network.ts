// A network's life: implemented when it is first needed, shut down when unused, restarted, deleted.
import { sql } from 'kysely';
import { releaseIpv4Subnet } from '../store/ipv4-subnet.ts';
import type { Lease } from '../store/lease.ts';
import { transaction } from '../store/transaction.ts';
import { allocateVni, createRouter, ensureUplink, liveRouter, lockNetwork, touchEverything } from './network-rows.ts';
import type { Parts } from './parts.ts';
import { freeAddresses } from './public-ip-address.ts';
import { replaceRouter } from './replacement.ts';
import { inTurn } from './replacement-turns.ts';
import { endRouter } from './router-removal.ts';
import { startRouterOf } from './router-start.ts';

/** Implements a network: VNI, source NAT address, a Running router that has acknowledged its document. */
export async function implementNetwork(parts: Parts, networkId: string): Promise<void> {
  await parts.lock.hold(networkId, (lease) => implement(parts, networkId, lease));
}

async function implement(parts: Parts, networkId: string, lease: Lease): Promise<void> {
  const { db } = parts;
  const router = await transaction(db, async (trx) => {
    const network = await lockNetwork(trx, networkId);
    if (network.state !== 'Implemented') {
      const vni = network.vni ?? (await allocateVni(trx, network));
      await trx.updateTable('network').set({ state: 'Implementing', vni }).where('id', '=', networkId).execute();
      await ensureUplink(trx, network);
    }
    return (await liveRouter(trx, networkId)) ?? (await createRouter(trx, network));
  });
  try {
    await startRouterOf(parts, router, lease);
  } catch (error) {
    await db
      .updateTable('network')
      .set({ state: 'Allocated' })
      .where('id', '=', networkId)
      .where('state', '=', 'Implementing')
      .execute();
    throw error;
  }
  await db
    .updateTable('network')
    .set({ state: 'Implemented', restart_required: false, unused_since: sql`coalesce(unused_since, now())` })
    .where('id', '=', networkId)
    .execute();
}

/** The whole document anew; with cleanup a new router takes the place of the old one and its leases. */
export async function restartNetwork(parts: Parts, networkId: string, cleanup: boolean): Promise<void> {
  if (cleanup) await inTurn(parts, networkId, () => restart(parts, networkId, true));
  else await restart(parts, networkId, false);
}

async function restart(parts: Parts, networkId: string, cleanup: boolean): Promise<void> {
  await parts.lock.hold(networkId, async (lease, settled) => {
    const router = await liveRouter(parts.db, networkId);
    if (router === undefined) {
      await implement(parts, networkId, lease);
      return;
    }
    if (!cleanup) {
      await transaction(parts.db, (trx) => touchEverything(trx, networkId));
      await parts.pusher.forgetAcknowledgement(router.id);
      await startRouterOf(parts, router, lease);
    } else if (settled !== 'finished') {
      // A job that is tried again after a crash finds that the new router has taken the place of the old one.
      await replaceRouter(parts, router, lease);
    }
    await parts.db.updateTable('network').set({ restart_required: false }).where('id', '=', networkId).execute();
  });
}

/** Ends the router and gives the VNI back; addresses and rules stay. */
export async function shutdownNetwork(parts: Parts, networkId: string): Promise<void> {
  await parts.lock.hold(networkId, () => shutdown(parts, networkId));
}

/** As shutdownNetwork, unless an instance came to need the network while this waited for its turn. */
export async function shutDownIfUnused(parts: Parts, networkId: string): Promise<void> {
  await parts.lock.hold(networkId, async () => {
    const unused = await parts.db
      .selectFrom('network')
      .select('id')
      .where('id', '=', networkId)
      .where('state', 'in', ['Implemented', 'Shutdown'])
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('nic')
              .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
              .select('nic.id')
              .whereRef('nic.network_id', '=', 'network.id')
              .where('virtual_machine.state', 'in', ['Starting', 'Running', 'Stopping']),
          ),
        ),
      )
      .executeTakeFirst();
    if (unused !== undefined) await shutdown(parts, networkId);
  });
}

/** `deleted`: the network stays in state Destroy all the while, in which no command gives it anything. */
async function shutdown(parts: Parts, networkId: string, deleted = false): Promise<void> {
  // Also one that was to replace another, and could not be removed then.
  const routers = await parts.db.selectFrom('router').selectAll().where('network_id', '=', networkId).execute();
  await parts.db
    .updateTable('network')
    .set({ state: deleted ? 'Destroy' : 'Shutdown' })
    .where('id', '=', networkId)
    .execute();
  for (const router of routers) await endRouter(parts, router);
  const [router] = routers;
  if (router !== undefined) {
    await removeSegments(parts, router.zone_id, networkId);
    await parts.db.deleteFrom('router').where('network_id', '=', networkId).execute();
  }
  await parts.db
    .updateTable('network')
    .set({ state: deleted ? 'Destroy' : 'Allocated', vni: null, unused_since: null })
    .where('id', '=', networkId)
    .execute();
}

/** Every host of the zone may have carried an instance of the network. */
async function removeSegments(parts: Parts, zoneId: string, networkId: string): Promise<void> {
  const hosts = await parts.db
    .selectFrom('host')
    .select('id')
    .where('zone_id', '=', zoneId)
    .where('state', '=', 'Up')
    .execute();
  for (const { id } of hosts) await parts.hosts.end(id, (client) => client.deleteSegment(networkId));
}

/** Shuts a network down and removes its rules, addresses and row. */
export async function deleteNetwork(parts: Parts, networkId: string): Promise<void> {
  await parts.lock.hold(networkId, async () => {
    const network = await parts.db.selectFrom('network').select('id').where('id', '=', networkId).executeTakeFirst();
    if (network === undefined) return;
    await shutdown(parts, networkId, true);
    await transaction(parts.db, async (trx) => {
      await trx.deleteFrom('port_forwarding_rule').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('load_balancer_rule').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('firewall_rule').where('network_id', '=', networkId).execute();
      await freeAddresses(trx, networkId);
      await releaseIpv4Subnet(trx, networkId);
      await trx.deleteFrom('nic').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('network_change').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('network').where('id', '=', networkId).execute();
    });
  });
}
