// What of a live migration is between two hosts: three streams, each a Unix socket at both ends, which the host agents
// lead from one host to the other. No port of libvirtd or QEMU is ever open to a network.

import type { MigrationDestination, MigrationStream } from '@isthmus/contract';

/** Absolute path of a Unix socket for each stream. `memory` and `disks` are the same at both ends. */
export type MigrationSockets = Readonly<Record<MigrationStream, string>>;

/** Leads the streams of a migration to another host, where `receiveInstance` of its driver was called before. */
export interface MigrationTransport {
  /**
   * Listens on `sockets` and leads each connection to the socket of the same stream at `destination`, for the instance
   * `id` alone. Root alone may connect, until the driver says otherwise.
   */
  open(destination: MigrationDestination, id: string, sockets: MigrationSockets): Promise<OpenStreams>;
}

/** `fault`: why a stream could not be led to the destination; null where none failed. */
export interface OpenStreams {
  fault(): Error | null;
  close(): Promise<void>;
}

/** The sockets of a migration whose streams of memory and disk lie in `directory`. */
export function migrationSockets(directory: string, libvirt: string): MigrationSockets {
  return { libvirt, memory: `${directory}/memory.sock`, disks: `${directory}/disks.sock` };
}

/** Arguments of virsh(1) that move a domain while it runs, with the part of its disk that its image does not hold. */
export function migrateArguments(name: string, { libvirt, memory, disks }: MigrationSockets): string[] {
  return [
    ...['migrate', '--live', '--copy-storage-inc', '--auto-converge', '--abort-on-error'],
    ...['--migrateuri', `unix://${memory}`, '--disks-uri', `unix://${disks}`],
    ...[name, `qemu+unix:///system?socket=${encodeURIComponent(libvirt)}`],
  ];
}
