// A machine that is to run, and the domain that it is.
import { randomBytes } from 'node:crypto';
import type { Machine } from '@isthmus/contract';
import type { DriverContext } from '../driver.ts';
import type { Accelerator, Domain, DomainNic } from './domain.ts';
import { domainName, domainUuid, machineHash, machinePaths } from './machine-names.ts';
import type { WiredMachine } from './ports.ts';

/** A machine that is to run. `configDrive` is the path of what is in its CD-ROM drive (null: nothing); undefined: no drive. */
export interface Wanted extends WiredMachine {
  readonly machine: Machine;
  readonly configDrive?: string | null;
}

/** What of its host a domain is made with. `owner` is `uid:gid` of QEMU's process. */
export interface Carrier extends Pick<DriverContext, 'installation' | 'state' | 'run'> {
  imagePath(sha256: string): string;
  readonly accelerator: Accelerator;
  readonly owner: string;
}

/**
 * The domain of a machine, with these NICs in this order. Each has a VNC password of its own: all QEMUs are one user, so that
 * one which was taken over could reach its neighbours' sockets.
 */
export function domainOf(wanted: Wanted, carrier: Carrier, nics: readonly DomainNic[]): Domain {
  const { kind, id, machine, configDrive } = wanted;
  const { accelerator, imagePath, installation, owner } = carrier;
  const { kernel, sha256, format } = machine.image;
  const paths = machinePaths(carrier, kind, id);
  return {
    name: domainName(installation, kind, id),
    id,
    uuid: domainUuid(installation, kind, id),
    hash: machineHash(machine),
    accelerator,
    cpus: machine.cpus,
    memoryBytes: machine.memoryBytes,
    kernel: kernel
      ? { kernel: imagePath(kernel.kernel), initrd: imagePath(kernel.initrd), commandLine: kernel.commandLine }
      : null,
    disk: { path: paths.disk, base: imagePath(sha256), baseFormat: format },
    nics,
    ...(configDrive === undefined ? {} : { cdrom: configDrive }),
    owner,
    consoles: paths,
    vncPassword: randomBytes(6).toString('base64url'),
  };
}
