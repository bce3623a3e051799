// What a host says of itself.
import { readFileSync } from 'node:fs';
import { cpus, hostname, totalmem } from 'node:os';
import type { HostReport } from '@isthmus/contract';
import type { VirtualMachineDriver } from './drivers/driver.ts';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import type { Tunnels } from './wiring/tunnels.ts';

/** Changes with each boot of the machine. */
export function bootIdOfMachine(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** What of a report is not read from the machine. */
export interface ReportedHost {
  readonly installation: string;
  readonly version: string;
  readonly bootId: string;
  readonly driver: NamespaceDriver | VirtualMachineDriver;
  readonly tunnels: Tunnels | null;
}

/** The answer to GET /v1/host. */
export function hostReport({ installation, version, bootId, driver, tunnels }: ReportedHost): HostReport {
  return {
    installation,
    hostname: hostname(),
    driver: driver.name,
    accelerator: driver.name === 'libvirt' ? driver.accelerator : null,
    bootId,
    tunnelAddress: tunnels?.address ?? null,
    ...(tunnels === null ? {} : { guestMtu: tunnels.guestMtu }),
    version,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    memoryFreeBytes: availableMemoryBytes(),
    pid: process.pid,
  };
}

/** What programs could take without swapping (proc(5), MemAvailable). */
function availableMemoryBytes(): number {
  const [, kilobytes = '0'] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
