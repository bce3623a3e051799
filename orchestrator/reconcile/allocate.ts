// Which host takes a router or an instance: the rows that placement looks at, and its answer written down.
import type { DriverName } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { ApiError } from '../model/api-error.ts';
import { type Allocator, allocatorNamed, type PlacementHost, place, reservedMemory } from '../model/placement.ts';
import { driverOfTemplate } from '../model/template-driver.ts';
import type { Db, Trx } from '../store/database.ts';
import type { HostTable, RouterTable, VirtualMachineTable } from '../store/schema.ts';
import type { Parts } from './parts.ts';

type Router = Selectable<RouterTable>;
type VirtualMachine = Selectable<VirtualMachineTable>;

/** A row that lies on a host, with what its offering promises. */
interface Placed {
  readonly host_id: string | null;
  readonly state: string;
  readonly memory: number;
}

async function placedRouters(trx: Db | Trx, zoneId: string): Promise<Placed[]> {
  return trx
    .selectFrom('router')
    .innerJoin('service_offering', 'service_offering.id', 'router.service_offering_id')
    .select(['router.host_id', 'router.state', 'service_offering.memory'])
    .where('router.zone_id', '=', zoneId)
    .where('router.state', 'in', ['Starting', 'Running', 'Stopping'])
    .execute();
}

async function placedInstances(trx: Db | Trx, zoneId: string): Promise<Placed[]> {
  return trx
    .selectFrom('virtual_machine')
    .innerJoin('service_offering', 'service_offering.id', 'virtual_machine.service_offering_id')
    .select(['virtual_machine.host_id', 'virtual_machine.state', 'service_offering.memory'])
    .where('virtual_machine.zone_id', '=', zoneId)
    .where('virtual_machine.state', 'in', ['Starting', 'Running', 'Stopping', 'Migrating'])
    .execute();
}

/** The hosts of a zone as placement sees them, the oldest first. */
export async function placementHosts(trx: Db | Trx, zoneId: string): Promise<PlacementHost[]> {
  const hosts = await trx
    .selectFrom('host')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .orderBy('created')
    .orderBy('id')
    .execute();
  const routers = await placedRouters(trx, zoneId);
  const instances = await placedInstances(trx, zoneId);
  return hosts.map((host) => placementHost(host, routers, instances));
}

function placementHost(
  host: Selectable<HostTable>,
  routers: readonly Placed[],
  instances: readonly Placed[],
): PlacementHost {
  const { driver } = host;
  const sum = (placed: readonly Placed[], kind: 'router' | 'instance', states?: string) =>
    driver === null
      ? 0
      : placed
          .filter(({ host_id: id, state }) => id === host.id && (states === undefined || state === states))
          .reduce((total, { memory }) => total + reservedMemory(kind, memory)[driver], 0);
  return {
    id: host.id,
    podId: host.pod_id,
    name: host.name,
    state: host.state,
    resourceState: host.resource_state,
    driver,
    memoryBytes: Number(host.memory),
    memoryFreeBytes: host.memory_free === null ? null : Number(host.memory_free),
    reservedBytes: sum(routers, 'router') + sum(instances, 'instance'),
    startingBytes: sum(routers, 'router', 'Starting') + sum(instances, 'instance', 'Starting'),
    tunnelAddress: host.tunnel_address,
  };
}

/** Drivers that can carry a router, the preferred first: VMs where a router's image is registered. */
async function routerDrivers(trx: Trx): Promise<DriverName[]> {
  const image = await trx.selectFrom('image').select('id').where('role', '=', 'router').limit(1).executeTakeFirst();
  return image === undefined ? ['namespace'] : ['libvirt', 'namespace'];
}

/** One placement of a zone at a time, so that two never count on the same memory. Held until the transaction ends. */
export async function lockZone(trx: Trx, zoneId: string): Promise<void> {
  await trx.selectFrom('zone').select('id').where('id', '=', zoneId).forNoKeyUpdate().executeTakeFirst();
}

async function offeringMemory(trx: Trx, offeringId: string): Promise<number> {
  const offering = await trx
    .selectFrom('service_offering')
    .select('memory')
    .where('id', '=', offeringId)
    .executeTakeFirstOrThrow();
  return offering.memory;
}

/** True where the host's power-off is confirmed: nothing runs there. Locks the row against its return. */
export async function isFenced(trx: Trx, hostId: string): Promise<boolean> {
  const host = await trx.selectFrom('host').select('fenced').where('id', '=', hostId).forShare().executeTakeFirst();
  return host !== undefined && host.fenced !== null;
}

/** A pod of the zone that has a host for a router. Throws 533 where no host is Up and Enabled. */
export async function podOfNewRouter(trx: Trx, zoneId: string): Promise<string> {
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

/** What a placement has to heed besides memory and drivers. */
export interface PlacementWishes {
  /** Hosts that must not take it. */
  readonly excluded?: readonly string[];
  /** The host that it leaves. Where it has left that one already, it stays where it is. */
  readonly awayFrom?: string;
  /**
   * Ends it on the host that it leaves, once another is found, and before it is written down that it is there. Where that
   * fails it stays.
   */
  readonly beforeMove?: (to: PlacementHost) => Promise<unknown>;
  /** It leaves that host where the host is fenced alone. */
  readonly whereFenced?: boolean;
  /** The host that an admin named: it alone may take it. */
  readonly hostId?: string;
}

function excluded({ excluded: named = [], awayFrom }: PlacementWishes): ReadonlySet<string> {
  return new Set(awayFrom === undefined ? named : [...named, awayFrom]);
}

function choosable(hosts: readonly PlacementHost[], { hostId }: PlacementWishes): PlacementHost[] {
  return hosts.filter(({ id }) => hostId === undefined || id === hostId);
}

/**
 * The router with a host: the one that it has, unless that one is fenced or `awayFrom`, else the allocator's choice,
 * written down. On a new host it has nothing yet: no disk, no identity, no document. The caller holds the network's lock,
 * and sees to it, by `beforeMove` or before, that the router has ended on a living host that it leaves. Throws 533.
 */
export async function placeRouter(
  parts: Pick<Parts, 'db' | 'setting'>,
  before: Router,
  wishes: PlacementWishes = {},
): Promise<Router> {
  const allocator = allocatorNamed(await parts.setting('router.allocator'), 'router.allocator');
  const { beforeMove, ...others } = wishes;
  if (beforeMove !== undefined) {
    const to = await chooseRouterHost(parts, before, others);
    await beforeMove(to);
    return placeRouter(parts, before, { ...others, hostId: to.id });
  }
  const { id } = before;
  return parts.db.transaction().execute(async (trx) => {
    const router = await trx
      .selectFrom('router')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirstOrThrow();
    const from = router.host_id;
    if (from !== null && from !== wishes.awayFrom && !(await isFenced(trx, from))) return router;
    const host = await routerHost(trx, router, allocator, wishes);
    if (host.id !== from) await forgetDocument(trx, id);
    return trx
      .updateTable('router')
      .set({
        host_id: host.id,
        pod_id: host.podId,
        ...(host.id !== from && { bootstrapped: false, link_local_address: null }),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/** The host that an allocator chooses for a router; nothing is written. Throws 533. */
export async function chooseRouterHost(
  parts: Pick<Parts, 'db' | 'setting'>,
  router: Router,
  wishes: PlacementWishes,
): Promise<PlacementHost> {
  const allocator = allocatorNamed(await parts.setting('router.allocator'), 'router.allocator');
  return parts.db.transaction().execute((trx) => routerHost(trx, router, allocator, wishes));
}

async function routerHost(
  trx: Trx,
  router: Router,
  allocator: Allocator,
  wishes: PlacementWishes,
): Promise<PlacementHost> {
  await lockZone(trx, router.zone_id);
  const hosts = await placementHosts(trx, router.zone_id);
  const carrying = await instanceHosts(trx, router.network_id);
  const placement = {
    what: `router ${router.name}`,
    drivers: await routerDrivers(trx),
    memoryBytes: reservedMemory('router', await offeringMemory(trx, router.service_offering_id)),
    reaches: hosts.filter((host) => carrying.has(host.id) && host.state !== 'Down'),
    excluded: excluded(wishes),
    siblings: await siblingHosts(trx, router),
  };
  return place(choosable(hosts, wishes), placement, allocator);
}

/** On another host the router has acknowledged nothing. */
async function forgetDocument(trx: Trx, routerId: string): Promise<void> {
  await trx
    .updateTable('router_document')
    .set({ acknowledged_epoch: null, acknowledged_generation: 0, acknowledged_hash: null })
    .where('router_id', '=', routerId)
    .execute();
}

async function instanceHosts(trx: Trx, networkId: string): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('virtual_machine')
    .innerJoin('nic', 'nic.virtual_machine_id', 'virtual_machine.id')
    .select('virtual_machine.host_id')
    .where('nic.network_id', '=', networkId)
    .where('virtual_machine.state', 'in', ['Running', 'Migrating'])
    .execute();
  return new Set(rows.flatMap((row) => (row.host_id === null ? [] : [row.host_id])));
}

async function siblingHosts(trx: Trx, router: Router): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('router')
    .select('host_id')
    .where('network_id', '=', router.network_id)
    .where('id', '<>', router.id)
    .where('state', '<>', 'Destroyed')
    .execute();
  return new Set(rows.flatMap((row) => (row.host_id === null ? [] : [row.host_id])));
}

/**
 * The instance with a host: the one that it has, since its disk is there, unless that is `awayFrom`, else the allocator's
 * choice, written down. Throws 533.
 */
export async function placeInstance(
  parts: Pick<Parts, 'db' | 'setting'>,
  { id }: Pick<VirtualMachine, 'id'>,
  wishes: PlacementWishes = {},
): Promise<VirtualMachine> {
  const allocator = allocatorNamed(await parts.setting('vm.allocator'), 'vm.allocator');
  return parts.db.transaction().execute(async (trx) => {
    const machine = await trx
      .selectFrom('virtual_machine')
      .selectAll()
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirstOrThrow();
    if (machine.host_id !== null && machine.host_id !== wishes.awayFrom) return machine;
    if (wishes.whereFenced === true && machine.host_id !== null && !(await isFenced(trx, machine.host_id))) {
      return machine;
    }
    const host = await instanceHost(trx, machine, allocator, wishes);
    return trx
      .updateTable('virtual_machine')
      .set({ host_id: host.id })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/** The host that an allocator chooses for an instance; nothing is written. Throws 533. */
export async function chooseInstanceHost(
  parts: Pick<Parts, 'db' | 'setting'>,
  machine: VirtualMachine,
  wishes: PlacementWishes,
): Promise<PlacementHost> {
  const allocator = allocatorNamed(await parts.setting('vm.allocator'), 'vm.allocator');
  return parts.db.transaction().execute((trx) => instanceHost(trx, machine, allocator, wishes));
}

async function instanceHost(
  trx: Trx,
  machine: VirtualMachine,
  allocator: Allocator,
  wishes: PlacementWishes,
): Promise<PlacementHost> {
  await lockZone(trx, machine.zone_id);
  const hosts = await placementHosts(trx, machine.zone_id);
  const template = await trx
    .selectFrom('template')
    .selectAll()
    .where('id', '=', machine.template_id)
    .executeTakeFirstOrThrow();
  const driver = driverOfTemplate(template);
  const memory = await offeringMemory(trx, machine.service_offering_id);
  const carrying = await routerHosts(trx, machine.id);
  const placement = {
    what: `instance ${machine.name}`,
    drivers: [driver],
    memoryBytes: reservedMemory('instance', memory),
    reaches: hosts.filter(({ id }) => carrying.has(id)),
    excluded: excluded(wishes),
    siblings: new Set<string>(),
  };
  return place(choosable(hosts, wishes), placement, allocator);
}

async function routerHosts(trx: Trx, machineId: string): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('router')
    .innerJoin('nic', 'nic.network_id', 'router.network_id')
    .select('router.host_id')
    .where('nic.virtual_machine_id', '=', machineId)
    .where('router.state', '<>', 'Destroyed')
    .execute();
  return new Set(rows.flatMap((row) => (row.host_id === null ? [] : [row.host_id])));
}
