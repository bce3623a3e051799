// Appliances of every kind that are VMs. Their agents are inside; the host gives them a control NIC, a config drive and a tunnel.
import type { ApplianceSpec, Nic } from '@isthmus/contract';
import { type ApplianceCarrier, type ApplianceTraits, traitsOfInside } from './appliance-carrier.ts';
import type { ConfigDrives } from './control/config-drives.ts';
import type { ControlNetwork } from './control/control-network.ts';
import type { ApplianceExtras, VirtualMachineDriver } from './drivers/driver.ts';
import { HostAgentError } from './errors.ts';
import type { ImageCache } from './image-cache.ts';

/** What VMs are given. */
export interface VmContext {
  readonly driver: VirtualMachineDriver;
  readonly control: ControlNetwork;
  readonly drives: ConfigDrives;
  readonly images: ImageCache;
}

export class VmAppliances implements ApplianceCarrier {
  readonly agents: ApplianceCarrier['agents'];
  readonly #context: VmContext;

  constructor(context: VmContext) {
    this.#context = context;
    this.agents = { where: 'inside', ejectConfigDrive: (id) => this.#ejectConfigDrive(id) };
  }

  async make(id: string, spec: ApplianceSpec): Promise<void> {
    const { driver, images } = this.#context;
    if (spec.machine === undefined) {
      throw new HostAgentError(
        'invalid',
        `appliance ${id}: machine: expected one, since this host's driver is libvirt`,
      );
    }
    await images.require(spec.machine);
    await driver.ensureAppliance(id, spec, await this.#extras(id, spec));
  }

  async change(id: string, before: ApplianceSpec, after: ApplianceSpec): Promise<void> {
    await this.#context.driver.changeAppliance(id, before, after, await this.#extras(id, after));
  }

  halt(id: string): Promise<void> {
    return this.#context.driver.haltAppliance(id);
  }

  async forget(id: string): Promise<void> {
    const { driver, control, drives } = this.#context;
    await driver.removeAppliance(id);
    await drives.remove(id);
    await control.free(id);
  }

  traits(id: string): Promise<ApplianceTraits> {
    return traitsOfInside(this.#context, id);
  }

  broken(machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[]): Promise<string[]> {
    return this.#context.driver.broken('appliance', machines);
  }

  lastWords(id: string): Promise<string> {
    return this.#context.driver.serialTail('appliance', id);
  }

  async release(): Promise<void> {}

  async shutdown(): Promise<void> {}

  async #ejectConfigDrive(id: string): Promise<void> {
    const { driver, drives } = this.#context;
    await driver.ejectConfigDrive(id);
    await drives.remove(id);
  }

  async #extras(id: string, spec: ApplianceSpec): Promise<ApplianceExtras> {
    const { control, drives } = this.#context;
    const nic = await control.allocate(id);
    return { control: nic, controlBridge: control.bridge, configDrive: await drives.image(id, spec, nic) };
  }
}
