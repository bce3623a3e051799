// A network's life: implemented when it is first needed, shut down when unused, restarted, deleted.
import { collectionNames } from '@isthmus/contract';
import { macFromNumber } from '@isthmus/net';
import { type Selectable, sql } from 'kysely';
import { guestInterface, publicInterface } from '../compile/settings.ts';
import type { PortableState } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import { nextNumber, type Trx } from '../store/database.ts';
import type { Lease } from '../store/lease.ts';
import { touch } from '../store/network-change.ts';
import { allocatePublicAddress } from '../store/public-address.ts';
import type { NetworkTable, RouterTable } from '../store/schema.ts';
import { allocateHost, onHost } from './hosts.ts';
import type { Parts } from './parts.ts';
import { guestSegment, publicSegment } from './segments.ts';

type Router = Selectable<RouterTable>;

/** Implements a network: VNI, source NAT address, a Running router that has acknowledged its document. */
export async function implementNetwork(parts: Parts, networkId: string): Promise<void> {
  await parts.lock.hold(networkId, (lease) => implement(parts, networkId, lease));
}

async function implement(parts: Parts, networkId: string, lease: Lease): Promise<void> {
  const { db } = parts;
  const router = await db.transaction().execute(async (trx) => {
    const network = await lockNetwork(trx, networkId);
    if (network.state !== 'Implemented') {
      const vni = network.vni ?? (await allocateVni(trx, network));
      await trx.updateTable('network').set({ state: 'Implementing', vni }).where('id', '=', networkId).execute();
      await ensureSourceNat(trx, network);
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

/** Makes and starts a router on its host, and waits until it serves its document. No work where it does already. */
export async function startRouterOf(parts: Parts, router: Router, lease: Lease): Promise<void> {
  const { db } = parts;
  if (router.state !== 'Running') await setRouterState(parts, router.id, 'Starting', null);
  try {
    const hostId = router.host_id ?? (await allocateHost(db, router.zone_id)).id;
    await db.updateTable('router').set({ host_id: hostId }).where('id', '=', router.id).execute();
    await putRouter(parts, { ...router, host_id: hostId });
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

/** The whole document anew; with cleanup a new router takes the place of the old one and its leases. */
export async function restartNetwork(parts: Parts, networkId: string, cleanup: boolean): Promise<void> {
  await parts.lock.hold(networkId, async (lease) => {
    const router = await liveRouter(parts.db, networkId);
    if (router === undefined) {
      await implement(parts, networkId, lease);
      return;
    }
    if (!cleanup) {
      await touchAll(parts, networkId);
      await parts.pusher.forgetAcknowledgement(router.id);
      await startRouterOf(parts, router, lease);
    } else {
      await replaceRouter(parts, router, lease);
    }
    await parts.db.updateTable('network').set({ restart_required: false }).where('id', '=', networkId).execute();
  });
}

async function replaceRouter(parts: Parts, old: Router, lease: Lease): Promise<void> {
  const client = await parts.hosts.client(old.host_id);
  const state = await exportState(parts, old);
  await onHost(() => client.deleteAppliance(old.id));
  const router = await parts.db.transaction().execute(async (trx) => {
    const network = await lockNetwork(trx, old.network_id);
    await trx.deleteFrom('router').where('id', '=', old.id).execute();
    return createRouter(trx, network);
  });
  await setRouterState(parts, router.id, 'Starting', null);
  const placed = { ...router, host_id: old.host_id };
  await parts.db.updateTable('router').set({ host_id: old.host_id }).where('id', '=', router.id).execute();
  await putRouter(parts, placed);
  await onHost(() => client.importState(router.id, state));
  await startRouterOf(parts, placed, lease);
}

/** State to hand over; none where the old router is dead, since its replacement must come up all the same. */
async function exportState(parts: Parts, router: Router): Promise<PortableState> {
  try {
    return await (await parts.hosts.client(router.host_id)).exportState(router.id);
  } catch (error) {
    parts.log.warn('the router to be replaced hands over no leases', { router: router.name, error: String(error) });
    return {};
  }
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
  const router = await liveRouter(parts.db, networkId);
  await parts.db
    .updateTable('network')
    .set({ state: deleted ? 'Destroy' : 'Shutdown' })
    .where('id', '=', networkId)
    .execute();
  if (router !== undefined) {
    if (router.host_id !== null) {
      await onHost(async () => {
        const client = await parts.hosts.client(router.host_id);
        await client.deleteAppliance(router.id);
        await client.deleteSegment(networkId);
      });
    }
    await parts.db.deleteFrom('router').where('id', '=', router.id).execute();
  }
  await parts.db
    .updateTable('network')
    .set({ state: deleted ? 'Destroy' : 'Allocated', vni: null, unused_since: null })
    .where('id', '=', networkId)
    .execute();
}

/** Shuts a network down and removes its rules, addresses and row. */
export async function deleteNetwork(parts: Parts, networkId: string): Promise<void> {
  await parts.lock.hold(networkId, async () => {
    const network = await parts.db.selectFrom('network').select('id').where('id', '=', networkId).executeTakeFirst();
    if (network === undefined) return;
    await shutdown(parts, networkId, true);
    await parts.db.transaction().execute(async (trx) => {
      await trx.deleteFrom('port_forwarding_rule').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('firewall_rule').where('network_id', '=', networkId).execute();
      await freeAddresses(trx, networkId);
      await trx.deleteFrom('nic').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('network_change').where('network_id', '=', networkId).execute();
      await trx.deleteFrom('network').where('id', '=', networkId).execute();
    });
  });
}

const freeAddress = {
  state: 'Free',
  account_id: null,
  domain_id: null,
  network_id: null,
  is_source_nat: false,
  static_nat_nic_id: null,
  static_nat_state: null,
  allocated: null,
} as const;

async function freeAddresses(trx: Trx, networkId: string): Promise<void> {
  await trx.updateTable('public_ip_address').set(freeAddress).where('network_id', '=', networkId).execute();
}

/** Waits until an address that is Releasing serves nothing any more, then frees it. */
export async function releasePublicIpAddress(parts: Parts, id: string): Promise<void> {
  const address = await parts.db.selectFrom('public_ip_address').selectAll().where('id', '=', id).executeTakeFirst();
  if (address === undefined || address.state === 'Free') return;
  const networkId = address.network_id;
  if (networkId !== null) {
    await touch(parts.db, networkId, 'routing.publicAddresses', id);
    await parts.updates.request(networkId);
  }
  await parts.db.transaction().execute(async (trx) => {
    const rules = await trx
      .selectFrom('firewall_rule')
      .select('id')
      .where('public_ip_address_id', '=', id)
      .union(trx.selectFrom('port_forwarding_rule').select('id').where('public_ip_address_id', '=', id))
      .execute();
    if (rules.length > 0) {
      throw new ApiError('inUse', `The address ${address.address} still has ${rules.length} rules in force`);
    }
    await trx.updateTable('public_ip_address').set(freeAddress).where('id', '=', id).execute();
  });
}

/** Notes everything of a network's document for compilation. */
async function touchAll(parts: Parts, networkId: string): Promise<void> {
  await parts.db.transaction().execute((trx) => touchEverything(trx, networkId));
}

async function touchEverything(trx: Trx, networkId: string): Promise<void> {
  await touch(trx, networkId, 'settings', '*');
  for (const collection of collectionNames) await touch(trx, networkId, collection, '*');
}

async function lockNetwork(trx: Trx, networkId: string): Promise<Selectable<NetworkTable>> {
  const network = await trx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', networkId)
    .forUpdate()
    .executeTakeFirst();
  if (network === undefined) throw new ApiError('parameter', `The network ${networkId} does not exist any more`);
  return network;
}

export async function liveRouter(db: Parts['db'] | Trx, networkId: string): Promise<Router | undefined> {
  return db
    .selectFrom('router')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('state', '<>', 'Destroyed')
    .executeTakeFirst();
}

async function allocateVni(trx: Trx, network: Selectable<NetworkTable>): Promise<number> {
  // The physical network's row is the lock of its range.
  const { vni_first: first, vni_last: last } = await trx
    .selectFrom('physical_network')
    .select(['vni_first', 'vni_last'])
    .where('id', '=', network.physical_network_id)
    .forUpdate()
    .executeTakeFirstOrThrow();
  if (first === null || last === null) {
    throw new ApiError('insufficientCapacity', 'The physical network has no VNI range: set its parameter vlan');
  }
  const { rows } = await sql<{ vni: number }>`
    select candidate as vni from generate_series(${first}::integer, ${last}::integer) as candidate
    where not exists (select 1 from network where physical_network_id = ${network.physical_network_id}
      and vni = candidate)
    order by candidate limit 1`.execute(trx);
  const vni = rows[0]?.vni;
  if (vni === undefined) {
    throw new ApiError('insufficientCapacity', `Every VNI from ${first} to ${last} of the physical network is in use`);
  }
  return vni;
}

async function ensureSourceNat(trx: Trx, network: Selectable<NetworkTable>): Promise<void> {
  const { services } = await trx
    .selectFrom('network_offering')
    .select('services')
    .where('id', '=', network.network_offering_id)
    .executeTakeFirstOrThrow();
  if (services.SourceNat === undefined) return;
  const has = await trx
    .selectFrom('public_ip_address')
    .select('id')
    .where('network_id', '=', network.id)
    .where('is_source_nat', '=', true)
    .executeTakeFirst();
  if (has !== undefined) return;
  await allocatePublicAddress(trx, {
    zoneId: network.zone_id,
    accountId: network.account_id,
    domainId: network.domain_id,
    networkId: network.id,
    isSourceNat: true,
  });
}

async function createRouter(trx: Trx, network: Selectable<NetworkTable>): Promise<Router> {
  const offering = await trx
    .selectFrom('service_offering')
    .select('id')
    .where('is_system', '=', true)
    .where('system_vm_type', '=', 'domainrouter')
    .where('state', '=', 'Active')
    .orderBy('created')
    .executeTakeFirst();
  if (offering === undefined) {
    throw new ApiError('insufficientCapacity', 'There is no active service offering for virtual routers');
  }
  const { podId } = await allocateHost(trx, network.zone_id);
  const router = await trx
    .insertInto('router')
    .values({
      name: `r-${await nextNumber(trx, 'appliance_number')}-VM`,
      network_id: network.id,
      zone_id: network.zone_id,
      pod_id: podId,
      host_id: null,
      account_id: network.account_id,
      domain_id: network.domain_id,
      service_offering_id: offering.id,
      guest_mac_address: macFromNumber(await nextNumber(trx, 'mac_number')),
      public_mac_address: macFromNumber(await nextNumber(trx, 'mac_number')),
      state: 'Stopped',
      reason: null,
      version: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  const { value: epoch } = await trx
    .selectFrom('configuration')
    .select('value')
    .where('name', '=', 'store.epoch')
    .executeTakeFirstOrThrow();
  await trx
    .insertInto('router_document')
    .values({
      router_id: router.id,
      epoch: epoch ?? '',
      generation: 0,
      hash: '',
      acknowledged_epoch: null,
      acknowledged_hash: null,
    })
    .execute();
  await touchEverything(trx, network.id);
  return router;
}
