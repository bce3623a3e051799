// Tenants' instances on this host.
import { type InstanceReport, type InstanceSpec, InstanceSpecSchema, validator } from '@isthmus/contract';
import { parseIpv4Address } from '@isthmus/net';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { forEachLimited } from './keyed-lock.ts';
import { type MachineContext, Machines } from './machines.ts';
import type { Powered } from './records.ts';

export const instanceValidator = validator(InstanceSpecSchema);

const checkedAtOnce = 4;

export class Instances {
  readonly machines: Machines<InstanceSpec>;
  readonly #driver: NamespaceDriver;
  readonly #context: MachineContext;

  constructor(context: MachineContext, driver: NamespaceDriver) {
    this.#driver = driver;
    this.#context = context;
    this.machines = new Machines(context, {
      noun: 'instance',
      spec: instanceValidator,
      make: (id, spec) => driver.ensureInstance(id, spec),
      // An instance holds nothing that would be lost, so that another spec is another instance.
      change: (id) => driver.removeInstance(id),
      halt: (id) => driver.removeInstance(id),
      forget: async () => {},
    });
  }

  /** Throws HostAgentError (`not-found`). */
  async report(id: string): Promise<InstanceReport> {
    return this.#reportOf(id, this.machines.known(id));
  }

  list(): Promise<InstanceReport[]> {
    return Promise.all(this.machines.entries().map(([id, record]) => this.#reportOf(id, record)));
  }

  /** Starts again the daemons that died. */
  async heal(): Promise<void> {
    await forEachLimited(this.machines.running(), checkedAtOnce, async ({ id, spec }) => {
      const daemons = await this.#driver.deadDaemons(id, spec);
      if (daemons.length === 0) return;
      this.#context.host.log.warn('an instance lacks daemons', { id, daemons });
      await this.machines.remake(id);
    });
  }

  async #reportOf(id: string, { power, spec }: Powered<InstanceSpec>): Promise<InstanceReport> {
    const reason = this.machines.faultOf(id);
    if (reason !== undefined) return { id, state: 'Error', reason, address: null };
    const address = power === 'Running' ? await this.#driver.leasedAddress(id, spec) : null;
    return { id, state: power, address: address === null ? null : parseIpv4Address(address) };
  }
}
