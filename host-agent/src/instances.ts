// Tenants' instances on this host.
import { type InstanceReport, type InstanceSpec, InstanceSpecSchema, validator } from '@isthmus/contract';
import { parseIpv4Address } from '@isthmus/net';
import type { Driver } from './drivers/driver.ts';
import { HostAgentError } from './errors.ts';
import type { ImageCache } from './image-cache.ts';
import { lastWords } from './last-words.ts';
import { type MachineContext, Machines } from './machines.ts';
import type { Powered } from './records.ts';

export const instanceValidator = validator(InstanceSpecSchema);

export class Instances {
  readonly machines: Machines<InstanceSpec>;
  readonly #driver: Driver;

  /** With `images` instances are VMs. */
  constructor(context: MachineContext, driver: Driver, images: ImageCache | null) {
    this.#driver = driver;
    this.machines = new Machines(context, {
      noun: 'instance',
      spec: instanceValidator,
      make: async (id, spec) => {
        if (images !== null) await requireMachine(images, id, spec);
        await driver.ensureInstance(id, spec);
      },
      change: (id, before, after) => driver.changeInstance(id, before, after),
      halt: (id) => driver.haltInstance(id),
      forget: (id) => driver.removeInstance(id),
    });
  }

  /** Throws HostAgentError (`not-found`). */
  report(id: string): Promise<InstanceReport> {
    return this.#reportOf(id, this.machines.known(id));
  }

  list(): Promise<InstanceReport[]> {
    return Promise.all(this.machines.entries().map(([id, record]) => this.#reportOf(id, record)));
  }

  async #reportOf(id: string, { spec }: Powered<InstanceSpec>): Promise<InstanceReport> {
    const state = this.machines.stateOf(id);
    const address = state.state === 'Running' ? await this.#driver.leasedAddress(id, spec) : null;
    const report = { id, ...state, address: address === null ? null : parseIpv4Address(address) };
    return { ...report, ...(await lastWords(() => this.#driver.serialTail('instance', id), state)) };
  }
}

/** Throws HostAgentError where an instance is not of a machine (`invalid`) whose images are here (`conflict`). */
export async function requireMachine(images: ImageCache, id: string, { machine }: InstanceSpec): Promise<void> {
  if (machine !== undefined) return images.require(machine);
  throw new HostAgentError('invalid', `instance ${id}: machine: expected one, since this host's driver is libvirt`);
}
