// Which host takes an appliance, written down.
import type { ApplianceKind, DriverName } from '@isthmus/contract';
import { ApiError } from '../model/api-error.ts';
import { allocatorNamed, type Placement, type PlacementHost, place, reservedMemory } from '../model/placement.ts';
import type { Trx } from '../store/database.ts';
import { transaction } from '../store/transaction.ts';
import {
  choosable,
  excluded,
  isFenced,
  lockZone,
  offeringMemory,
  type PlacementWishes,
  placementHosts,
} from './allocate.ts';
import type { ApplianceChange, ApplianceRow } from './appliance-kind.ts';
import { unknownToHost } from './appliance-kind.ts';
import type { Parts } from './parts.ts';

/** What placement asks about the rows of a kind of appliances. */
export interface Placing<Row extends ApplianceRow> {
  readonly kind: ApplianceKind;
  readonly noun: string;
  /** The row, locked until the transaction ends. */
  lockRow(trx: Trx, id: string): Promise<Row>;
  /** Which hosts carry what it shares a segment with, and its siblings. */
  neighbours(trx: Trx, row: Row, hosts: readonly PlacementHost[]): Promise<Pick<Placement, 'reaches' | 'siblings'>>;
  /** `isNew`: the host is another than before, where it has acknowledged nothing. */
  write(trx: Trx, id: string, change: ApplianceChange, isNew: boolean): Promise<Row>;
}

/**
 * The appliance with a host: the one that it has, unless that one is fenced or `awayFrom`, else the choice of
 * `router.allocator`, written down. On a new host it has nothing yet: no disk, no identity, no document. The caller holds
 * its lock, and sees to it, by `beforeMove` or before, that it has ended on a living host that it leaves. Throws 533.
 */
export async function placeAppliance<Row extends ApplianceRow>(
  parts: Pick<Parts, 'db' | 'setting'>,
  placing: Placing<Row>,
  before: Row,
  wishes: PlacementWishes = {},
): Promise<Row> {
  const allocator = allocatorNamed(await parts.setting('router.allocator'), 'router.allocator');
  const { beforeMove, ...others } = wishes;
  const choose = async (trx: Trx, row: Row) => {
    const { hosts, placement } = await placementOf(trx, placing, row, wishes);
    return place(hosts, placement, allocator);
  };
  if (beforeMove !== undefined) {
    const to = await transaction(parts.db, (trx) => choose(trx, before));
    await beforeMove(to);
    return placeAppliance(parts, placing, before, { ...others, hostId: to.id });
  }
  return transaction(parts.db, async (trx) => {
    const row = await placing.lockRow(trx, before.id);
    const from = row.host_id;
    if (from !== null && from !== wishes.awayFrom && !(await isFenced(trx, from))) return row;
    const host = await choose(trx, row);
    const isNew = host.id !== from;
    return placing.write(trx, row.id, { host_id: host.id, pod_id: host.podId, ...(isNew && unknownToHost) }, isNew);
  });
}

async function placementOf<Row extends ApplianceRow>(
  trx: Trx,
  placing: Placing<Row>,
  row: Row,
  wishes: PlacementWishes,
): Promise<{ hosts: PlacementHost[]; placement: Placement }> {
  await lockZone(trx, row.zone_id);
  const hosts = await placementHosts(trx, row.zone_id);
  const placement = {
    what: `${placing.noun} ${row.name}`,
    drivers: await driversFor(trx, placing.kind),
    memoryBytes: reservedMemory(placing.kind, await offeringMemory(trx, row.service_offering_id)),
    excluded: excluded(wishes),
    ...(await placing.neighbours(trx, row, hosts)),
  };
  return { hosts: choosable(hosts, wishes), placement };
}

/** Drivers that can carry an appliance, the preferred first: VMs where an image of its role is registered. */
async function driversFor(trx: Trx, kind: ApplianceKind): Promise<DriverName[]> {
  const image = await trx.selectFrom('image').select('id').where('role', '=', kind).limit(1).executeTakeFirst();
  return image === undefined ? ['namespace'] : ['libvirt', 'namespace'];
}

/** A pod of the zone that has a host for an appliance. Throws 533 where no host is Up and Enabled. */
export async function podOfNewAppliance(trx: Trx, zoneId: string): Promise<string> {
  const host = await trx
    .selectFrom('host')
    .select('pod_id')
    .where('zone_id', '=', zoneId)
    .where('state', '=', 'Up')
    .where('resource_state', '=', 'Enabled')
    .orderBy('created')
    .orderBy('id')
    .executeTakeFirst();
  if (host !== undefined) return host.pod_id;
  const reason = 'No host of the zone is Up and Enabled: add one (addHost) or enable one';
  throw new ApiError('insufficientCapacity', reason);
}

/** The hosts of rows that have one. */
export function hostsOf(rows: readonly { readonly host_id: string | null }[]): ReadonlySet<string> {
  return new Set(rows.flatMap((row) => (row.host_id === null ? [] : [row.host_id])));
}
