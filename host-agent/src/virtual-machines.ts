// What a host has beside its driver where its machines are VMs: the image cache, and who carries appliances.
import type { Machine } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { ConfigDrives } from './control/config-drives.ts';
import type { ControlNetwork } from './control/control-network.ts';
import type { VirtualMachineDriver } from './drivers/driver.ts';
import { ImageCache, imageDirectory, imagesOf } from './image-cache.ts';
import { VmAppliances } from './vm-appliances.ts';

/** `machines` answers with what every recorded machine of the host is made of, whether it runs or not. */
export interface VirtualMachinesContext {
  readonly host: Host;
  readonly state: string;
  readonly control: ControlNetwork;
  readonly drives: ConfigDrives;
  readonly driver: VirtualMachineDriver;
  readonly machines: () => readonly (Machine | undefined)[];
}

export class VirtualMachines {
  readonly driver: VirtualMachineDriver;
  readonly images: ImageCache;
  readonly carrier: VmAppliances;

  constructor(context: VirtualMachinesContext) {
    const { host, control, drives, driver, machines } = context;
    this.driver = driver;
    this.images = new ImageCache({
      directory: imageDirectory(context.state),
      log: host.log,
      used: () => new Set(machines().flatMap((machine) => (machine === undefined ? [] : imagesOf(machine)))),
    });
    this.carrier = new VmAppliances({ driver, control, drives, images: this.images });
  }
}
