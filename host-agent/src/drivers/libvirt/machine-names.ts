// What a VM is called, and where its files lie.
import { createHash } from 'node:crypto';
import type { Machine } from '@isthmus/contract';
import { namespaceName, shortId } from '../../wiring/names.ts';
import type { DriverContext } from '../driver.ts';

/** What a VM is for: an appliance (`r`) or a tenant's instance (`i`). */
export type MachineKind = 'r' | 'i';

/**
 * Where a VM's files lie. `state` and `run` are its own directories and root's; in `vnc` QEMU, which has no privileges,
 * makes its socket.
 */
export interface MachinePaths {
  readonly state: string;
  readonly run: string;
  readonly disk: string;
  readonly xml: string;
  readonly serialLog: string;
  readonly serial: string;
  readonly vncDirectory: string;
  readonly vnc: string;
  /** Sockets of a migration, while there is one. */
  readonly migration: string;
}

/** Name of a domain, e.g. `ith-ab12-r-0a1b2c3d`. */
export function domainName(installation: string, kind: MachineKind, id: string): string {
  return namespaceName(installation, kind, id);
}

/** A domain's UUID: always the same for the same machine, also on another host. */
export function domainUuid(installation: string, kind: MachineKind, id: string): string {
  const bytes = createHash('sha256').update(`${installation}/${kind}/${id}`).digest().subarray(0, 16);
  // RFC 9562, 5.8: version 8, the variant of that RFC.
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Stands for all of a machine that cannot be changed while it runs. Not the disk's size: it takes effect at a start. */
export function machineHash({ image, cpus, memoryBytes }: Machine): string {
  const { sha256, format, kernel } = image;
  const parts = [sha256, format, kernel?.kernel, kernel?.initrd, kernel?.commandLine, cpus, memoryBytes];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Directories that hold every VM's files. */
export function machineRoots({ state, run }: Pick<DriverContext, 'state' | 'run'>): { state: string; run: string } {
  return { state: `${state}/machines`, run: `${run}/machines` };
}

export function machinePaths(
  context: Pick<DriverContext, 'state' | 'run'>,
  kind: MachineKind,
  id: string,
): MachinePaths {
  const roots = machineRoots(context);
  const name = `${kind}-${shortId(id)}`;
  const state = `${roots.state}/${name}`;
  const run = `${roots.run}/${name}`;
  return {
    state,
    run,
    disk: `${state}/disk.qcow2`,
    xml: `${state}/domain.xml`,
    serialLog: `${state}/serial.log`,
    serial: `${run}/serial.sock`,
    vncDirectory: `${run}/vnc`,
    vnc: `${run}/vnc/vnc.sock`,
    migration: `${run}/migration`,
  };
}
