// Tenants' instances on this host.
import { type InstanceReport, type InstanceSpec, InstanceSpecSchema, validator } from '@isthmus/contract';
import { parseIpv4Address } from '@isthmus/net';
import type { Driver } from './drivers/driver.ts';
import { type MachineContext, Machines } from './machines.ts';
import type { Powered } from './records.ts';

export const instanceValidator = validator(InstanceSpecSchema);

export class Instances {
  readonly machines: Machines<InstanceSpec>;
  readonly #driver: Driver;

  constructor(context: MachineContext, driver: Driver) {
    this.#driver = driver;
    this.machines = new Machines(context, {
      noun: 'instance',
      spec: instanceValidator,
      make: (id, spec) => driver.ensureInstance(id, spec),
      change: (id, before, after) => driver.changeInstance(id, before, after),
      halt: (id) => driver.haltInstance(id),
      forget: (id) => driver.removeInstance(id),
    });
  }

  /** Throws HostAgentError (`not-found`). */
  async report(id: string): Promise<InstanceReport> {
    return this.#reportOf(id, this.machines.known(id));
  }

  list(): Promise<InstanceReport[]> {
    return Promise.all(this.machines.entries().map(([id, record]) => this.#reportOf(id, record)));
  }

  async #reportOf(id: string, { power, spec }: Powered<InstanceSpec>): Promise<InstanceReport> {
    const reason = this.machines.faultOf(id);
    if (reason !== undefined) return { id, state: 'Error', reason, address: null };
    const address = power === 'Running' ? await this.#driver.leasedAddress(id, spec) : null;
    return { id, state: power, address: address === null ? null : parseIpv4Address(address) };
  }
}
