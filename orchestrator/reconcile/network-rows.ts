// The rows that a network gets when it is implemented: VNI, source NAT address, router with its document.
import { type ApplianceSpec, collectionNames } from '@isthmus/contract';
import { macFromNumber } from '@isthmus/net';
import { type Selectable, sql } from 'kysely';
import { ApiError } from '../model/api-error.ts';
import { hasUplink } from '../model/network-offering.ts';
import { type Db, nextNumber, type Trx } from '../store/database.ts';
import { ensurePublicIpv6 } from '../store/ipv6-network.ts';
import { touch } from '../store/network-change.ts';
import { allocatePublicAddress } from '../store/public-address.ts';
import { defaultRouterOffering } from '../store/router-offering.ts';
import type { NetworkTable, RouterTable } from '../store/schema.ts';
import { podOfNewAppliance } from './place-appliance.ts';

export type Network = Selectable<NetworkTable>;
export type Router = Selectable<RouterTable>;

/** Notes everything of a network's document for compilation. */
export async function touchEverything(trx: Trx, networkId: string): Promise<void> {
  await touch(trx, networkId, 'settings', '*');
  for (const collection of collectionNames) await touch(trx, networkId, collection, '*');
}

/** Locks a network's row until the transaction ends. Throws 431 where it is gone. */
export async function lockNetwork(trx: Trx, networkId: string): Promise<Network> {
  const network = await trx
    .selectFrom('network')
    .selectAll()
    .where('id', '=', networkId)
    .forUpdate()
    .executeTakeFirst();
  if (network === undefined) throw new ApiError('parameter', `The network ${networkId} does not exist any more`);
  return network;
}

/** How the ports of a router begin: dark where another one has its addresses. */
export function darkness({ replaces }: Pick<Router, 'replaces'>): Pick<ApplianceSpec, 'dark'> {
  return replaces === null ? {} : { dark: true };
}

/** The router of a network, whatever it does, besides one that is built to replace it; undefined where it has none. */
export async function liveRouter(db: Db | Trx, networkId: string): Promise<Router | undefined> {
  return db
    .selectFrom('router')
    .selectAll()
    .where('network_id', '=', networkId)
    .where('state', '<>', 'Destroyed')
    .where('replaces', 'is', null)
    .executeTakeFirst();
}

/** The lowest VNI of the physical network's range that no network has. Throws 533. */
export async function allocateVni(trx: Trx, network: Network): Promise<number> {
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

/**
 * Gives a network the address of its router's public NIC, where its offering has a way out and it has none, and of a
 * dual-stack network the IPv6 address beside it. Throws 533.
 */
export async function ensureUplink(trx: Trx, network: Network): Promise<void> {
  const offering = await trx
    .selectFrom('network_offering')
    .select(['services', 'network_mode', 'internet_protocol'])
    .where('id', '=', network.network_offering_id)
    .executeTakeFirstOrThrow();
  if (!hasUplink(offering)) return;
  const withIpv6 = offering.internet_protocol === 'DualStack';
  if (!(await uplinkAddress(trx, network.id))) {
    await allocatePublicAddress(trx, {
      zoneId: network.zone_id,
      accountId: network.account_id,
      domainId: network.domain_id,
      networkId: network.id,
      isSourceNat: true,
      withIpv6,
    });
  }
  if (withIpv6) await ensurePublicIpv6(trx, network);
}

async function uplinkAddress(trx: Trx, networkId: string): Promise<boolean> {
  const row = await trx
    .selectFrom('public_ip_address')
    .select('id')
    .where('network_id', '=', networkId)
    .where('is_source_nat', '=', true)
    .executeTakeFirst();
  return row !== undefined;
}

/** The row of a new router and of its document, of which everything is to be compiled. Throws 533. */
export async function createRouter(trx: Trx, network: Network): Promise<Router> {
  const { service_offering_id: ownOffering } = await trx
    .selectFrom('network_offering')
    .select('service_offering_id')
    .where('id', '=', network.network_offering_id)
    .executeTakeFirstOrThrow();
  const offeringId = ownOffering ?? (await defaultRouterOffering(trx));
  if (offeringId === undefined) {
    throw new ApiError('insufficientCapacity', 'There is no active service offering for virtual routers');
  }
  const podId = await podOfNewAppliance(trx, network.zone_id);
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
      service_offering_id: offeringId,
      guest_mac_address: macFromNumber(await nextNumber(trx, 'mac_number')),
      public_mac_address: macFromNumber(await nextNumber(trx, 'mac_number')),
      state: 'Stopped',
      reason: null,
      version: null,
      handover: null,
      has_public_nic: await uplinkAddress(trx, network.id),
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
