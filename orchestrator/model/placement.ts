// Where a router or an instance goes: which hosts could take it, and in which order an allocator wants them. Pure.
import type { DriverName } from '@isthmus/contract';
import { ApiError } from './api-error.ts';

const mebibyte = 2 ** 20;

/** A host as placement sees it. Memory in bytes. */
export interface PlacementHost {
  readonly id: string;
  readonly podId: string;
  readonly name: string;
  readonly state: string;
  readonly resourceState: string;
  /** Null: it has not joined. */
  readonly driver: DriverName | null;
  readonly memoryBytes: number;
  /** What it reported as available last; null: nothing yet. */
  readonly memoryFreeBytes: number | null;
  /** What the machines that are placed on it may use at most. */
  readonly reservedBytes: number;
  /** Of those, what the ones that are not in its report yet may use. */
  readonly startingBytes: number;
  readonly tunnelAddress: string | null;
}

/** What looks for a host. */
export interface Placement {
  /** For error messages: such as `router r-4-VM`. */
  readonly what: string;
  /** Drivers that can carry it, the preferred first. */
  readonly drivers: readonly DriverName[];
  /** What it may use at most of a host of each driver. */
  readonly memoryBytes: Readonly<Record<DriverName, number>>;
  /** Hosts of the machines that it shares a segment with: it has to reach every one of them. */
  readonly reaches: readonly PlacementHost[];
  /** Hosts that must not take it. */
  readonly excluded: ReadonlySet<string>;
  /** Hosts that carry its sibling of a redundant pair. */
  readonly siblings: ReadonlySet<string>;
}

/** Orders the hosts that could take something, the one to take it first. Never adds one. */
export interface Allocator {
  /** As the settings `router.allocator` and `vm.allocator` name it. */
  readonly name: string;
  order(candidates: readonly PlacementHost[], placement: Placement): readonly PlacementHost[];
}

/** Bytes that a host can still give: by what is placed on it, and by what it reports. */
export function availableBytes(host: PlacementHost): number {
  const promised = host.memoryBytes - host.reservedBytes;
  return host.memoryFreeBytes === null ? promised : Math.min(promised, host.memoryFreeBytes - host.startingBytes);
}

/** The host with the most free memory that offers the preferred driver. */
const firstFitByFreeMemory: Allocator = {
  name: 'FirstFitByFreeMemory',
  order: (candidates, { drivers }) => {
    const rank = ({ driver }: PlacementHost) => (driver === null ? drivers.length : drivers.indexOf(driver));
    return [...candidates].sort(
      (left, right) => rank(left) - rank(right) || availableBytes(right) - availableBytes(left),
    );
  },
};

/** As FirstFitByFreeMemory, but away from the sibling of a redundant pair as long as another host can take it. */
const spread: Allocator = {
  name: 'Spread',
  order: (candidates, placement) => {
    const ordered = firstFitByFreeMemory.order(candidates, placement);
    const beside = (host: PlacementHost) => Number(placement.siblings.has(host.id));
    return [...ordered].sort((left, right) => beside(left) - beside(right));
  },
};

/** Every allocator. One more is a file of its own and an entry here. */
export const allocators: readonly Allocator[] = [firstFitByFreeMemory, spread];

/** The allocator of a setting's value. Throws 530. */
export function allocatorNamed(name: string, setting: string): Allocator {
  const found = allocators.find((allocator) => allocator.name === name);
  if (found !== undefined) return found;
  const names = allocators.map((allocator) => allocator.name).join(' or ');
  throw new ApiError('internal', `Setting ${setting} is ${JSON.stringify(name)}: expected ${names}`);
}

/** True where a guest segment spans both hosts: they are one, or both take part in tunnels. */
export function isConnected(left: PlacementHost, right: PlacementHost): boolean {
  return left.id === right.id || (left.tunnelAddress !== null && right.tunnelAddress !== null);
}

/** Why a host cannot take it; null where it can. */
function lack(host: PlacementHost, placement: Placement): string | null {
  if (placement.excluded.has(host.id)) return 'is excluded';
  if (host.state !== 'Up') return `is in state ${host.state}`;
  if (host.resourceState !== 'Enabled') return `is in resource state ${host.resourceState}`;
  if (host.driver === null || !placement.drivers.includes(host.driver)) {
    return `carries machines by ${host.driver ?? 'nothing'}, and this needs ${placement.drivers.join(' or ')}`;
  }
  const far = placement.reaches.find((other) => !isConnected(host, other));
  if (far !== undefined) return `has no tunnel to host ${far.name}, which carries others of its network`;
  const available = availableBytes(host);
  const wanted = placement.memoryBytes[host.driver];
  if (available < wanted) {
    const megabytes = (bytes: number) => Math.max(0, Math.floor(bytes / mebibyte));
    return `has ${megabytes(available)} MiB free of the ${megabytes(wanted)} MiB that it needs`;
  }
  return null;
}

/** The host that takes it. Throws 533 and says of every host what it lacks. */
export function place(hosts: readonly PlacementHost[], placement: Placement, allocator: Allocator): PlacementHost {
  const lacks = hosts.map((host) => [host, lack(host, placement)] as const);
  const candidates = lacks.flatMap(([host, reason]) => (reason === null ? [host] : []));
  const [first] = allocator.order(candidates, placement);
  if (first !== undefined) return first;
  const reasons = lacks.slice(0, 8).map(([host, reason]) => `host ${host.name} ${reason ?? 'is not wanted'}`);
  const why = reasons.length === 0 ? 'the zone has no hosts: add one (addHost)' : reasons.join('; ');
  throw new ApiError('insufficientCapacity', `No host of the zone can take ${placement.what}: ${why}`);
}

/** QEMU's own memory beside the guest's. */
const emulatorMebibytes = 48;

/** What is placed on hosts. */
export type MachineKind = 'router' | 'console-proxy' | 'instance';

/** Of what has no memory of its own: processes, where a console proxy is a whole program. */
const namespaceMebibytes: Readonly<Record<MachineKind, number>> = { router: 12, 'console-proxy': 128, instance: 2 };

/**
 * What a machine may use at most of its host's memory, in bytes, by the host's driver. `offeringMebibytes` is what its
 * service offering says, which a namespace does not have for itself.
 */
export function reservedMemory(kind: MachineKind, offeringMebibytes: number): Record<DriverName, number> {
  return {
    libvirt: (offeringMebibytes + emulatorMebibytes) * mebibyte,
    namespace: namespaceMebibytes[kind] * mebibyte,
  };
}
