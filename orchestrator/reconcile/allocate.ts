// Which host takes an instance or an appliance: the rows that placement looks at; of instances its answer, too, written down.
import type { Selectable } from 'kysely';
import {
  type Allocator,
  allocatorNamed,
  type MachineKind,
  type PlacementHost,
  place,
  reservedMemory,
} from '../model/placement.ts';
import { driverOfTemplate } from '../model/template-driver.ts';
import type { Db, Trx } from '../store/database.ts';
import type { HostTable, VirtualMachineTable } from '../store/schema.ts';
import { transaction } from '../store/transaction.ts';
import type { Parts } from './parts.ts';

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

async function placedSystemVms(trx: Db | Trx, zoneId: string): Promise<Placed[]> {
  return trx
    .selectFrom('system_vm')
    .innerJoin('service_offering', 'service_offering.id', 'system_vm.service_offering_id')
    .select(['system_vm.host_id', 'system_vm.state', 'service_offering.memory'])
    .where('system_vm.zone_id', '=', zoneId)
    .where('system_vm.state', 'in', ['Starting', 'Running', 'Stopping'])
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
  const placed: PlacedMachines = {
    router: await placedRouters(trx, zoneId),
    'console-proxy': await placedSystemVms(trx, zoneId),
    instance: await placedInstances(trx, zoneId),
  };
  return hosts.map((host) => placementHost(host, placed));
}

type PlacedMachines = Readonly<Record<MachineKind, readonly Placed[]>>;

function placementHost(host: Selectable<HostTable>, placed: PlacedMachines): PlacementHost {
  const { driver } = host;
  const sumOf = (kind: MachineKind, states?: string) =>
    driver === null
      ? 0
      : placed[kind]
          .filter(({ host_id: id, state }) => id === host.id && (states === undefined || state === states))
          .reduce((total, { memory }) => total + reservedMemory(kind, memory)[driver], 0);
  const sum = (states?: string) => sumOf('router', states) + sumOf('console-proxy', states) + sumOf('instance', states);
  return {
    id: host.id,
    podId: host.pod_id,
    name: host.name,
    state: host.state,
    resourceState: host.resource_state,
    driver,
    memoryBytes: Number(host.memory),
    memoryFreeBytes: host.memory_free === null ? null : Number(host.memory_free),
    reservedBytes: sum(),
    startingBytes: sum('Starting'),
    tunnelAddress: host.tunnel_address,
  };
}

/** One placement of a zone at a time, so that two never count on the same memory. Held until the transaction ends. */
export async function lockZone(trx: Trx, zoneId: string): Promise<void> {
  await trx.selectFrom('zone').select('id').where('id', '=', zoneId).forNoKeyUpdate().executeTakeFirst();
}

/** MiB that a service offering promises. */
export async function offeringMemory(trx: Trx, offeringId: string): Promise<number> {
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

/** Hosts that wishes rule out. */
export function excluded({ excluded: named = [], awayFrom }: PlacementWishes): ReadonlySet<string> {
  return new Set(awayFrom === undefined ? named : [...named, awayFrom]);
}

/** Hosts that wishes leave. */
export function choosable(hosts: readonly PlacementHost[], { hostId }: PlacementWishes): PlacementHost[] {
  return hosts.filter(({ id }) => hostId === undefined || id === hostId);
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
  return transaction(parts.db, async (trx) => {
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
  return transaction(parts.db, (trx) => instanceHost(trx, machine, allocator, wishes));
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
