// What a host has beside its driver where its machines are VMs: control network, config drives, image cache.
import type { Machine } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { ConfigDrives } from './control/config-drives.ts';
import { ControlNetwork } from './control/control-network.ts';
import type { VirtualMachineDriver } from './drivers/driver.ts';
import { ImageCache, imageDirectory, imagesOf } from './image-cache.ts';
import { VmAppliances } from './vm-appliances.ts';
import type { SegmentBridges } from './wiring/segment-bridges.ts';

/** `machines` answers with what every recorded machine of the host is made of, whether it runs or not. */
export interface VirtualMachinesContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly bridges: SegmentBridges;
  readonly driver: VirtualMachineDriver;
  readonly machines: () => readonly (Machine | undefined)[];
}

export class VirtualMachines {
  readonly driver: VirtualMachineDriver;
  readonly control: ControlNetwork;
  readonly drives: ConfigDrives;
  readonly images: ImageCache;
  readonly carrier: VmAppliances;

  constructor(context: VirtualMachinesContext) {
    const { host, run, driver, machines } = context;
    this.driver = driver;
    this.control = new ControlNetwork(context);
    this.drives = new ConfigDrives(host, run);
    this.images = new ImageCache({
      directory: imageDirectory(context.state),
      log: host.log,
      used: () => new Set(machines().flatMap((machine) => (machine === undefined ? [] : imagesOf(machine)))),
    });
    this.carrier = new VmAppliances(this);
  }
}
