// Virtual routers on this host, in namespaces or as VMs.
import {
  type Agent,
  carryOut,
  type ExportedState,
  OperationRequestError,
  RefusedError,
  UnsupportedOperationError,
} from '@isthmus/agent';
import {
  type Acknowledgement,
  type AgentStatus,
  type ApplianceReport,
  type ApplianceSpec,
  ApplianceSpecSchema,
  type Ports,
  validator,
} from '@isthmus/contract';
import type { ApplianceCarrier } from './appliance-carrier.ts';
import { AppliancePorts } from './appliance-ports.ts';
import type { Driver } from './drivers/driver.ts';
import { HostAgentError, PushRefusedError } from './errors.ts';
import { lastWords } from './last-words.ts';
import { type MachineContext, Machines } from './machines.ts';
import { NamespaceAppliances } from './namespace-appliances.ts';
import type { Powered } from './records.ts';

export const applianceValidator = validator(ApplianceSpecSchema);

export class Appliances {
  readonly machines: Machines<ApplianceSpec>;
  readonly carrier: ApplianceCarrier;
  readonly ports: AppliancePorts;
  readonly #driver: Driver;

  constructor(context: MachineContext & { readonly installation: string }, driver: Driver, carrier: ApplianceCarrier) {
    this.#driver = driver;
    this.carrier = carrier;
    this.ports = new AppliancePorts(context);
    this.machines = new Machines(context, {
      noun: 'appliance',
      spec: applianceValidator,
      make: async (id, spec) => {
        await this.ports.prepare(id, spec);
        await carrier.make(id, spec);
      },
      change: (id, before, after) => carrier.change(id, before, after),
      halt: (id) => carrier.halt(id),
      forget: async (id) => {
        await carrier.forget(id);
        await this.ports.forget(id);
      },
    });
  }

  /** Lights or darkens the ports of an appliance. Throws HostAgentError (`not-found`, `conflict`). */
  async orderPorts(id: string, order: Ports): Promise<void> {
    this.machines.known(id);
    const instead = this.machines.entries().some(([other]) => other === order.instead) ? order.instead : undefined;
    await this.ports.order(id, order, instead ?? null);
  }

  /** Throws HostAgentError (`not-found`). */
  async report(id: string): Promise<ApplianceReport> {
    return this.#reportOf(id, this.machines.known(id));
  }

  list(): Promise<ApplianceReport[]> {
    return Promise.all(this.machines.entries().map(([id, record]) => this.#reportOf(id, record)));
  }

  /**
   * Throws PushRefusedError; HostAgentError where the appliance is unknown (`not-found`), at rest, or a VM (`conflict`).
   */
  async push(id: string, push: unknown): Promise<Acknowledgement> {
    try {
      return await (await this.#agentOf(id)).push(push);
    } catch (error) {
      if (error instanceof RefusedError) throw new PushRefusedError(error.refusal, { cause: error });
      throw error;
    }
  }

  /** What the agent says of itself. Throws HostAgentError as `push` does. */
  async status(id: string): Promise<AgentStatus> {
    return (await this.#agentOf(id)).status();
  }

  /** Carries out an operation. Throws HostAgentError as `push` does, and `not-found` or `invalid` where the request is at fault. */
  async operate(id: string, name: string, body: unknown): Promise<unknown> {
    const agent = await this.#agentOf(id);
    try {
      return await carryOut(agent, name, body);
    } catch (error) {
      if (error instanceof OperationRequestError) throw new HostAgentError(error.code, error.message);
      if (error instanceof UnsupportedOperationError) throw new HostAgentError('not-found', error.message);
      throw error;
    }
  }

  /** The state that the document does not hold, such as leases, for a replacement. Throws HostAgentError as `push` does. */
  async exportState(id: string): Promise<ExportedState> {
    return (await this.#agentOf(id)).exportState();
  }

  /** Takes the state of the router that this one replaces; before its first push. Throws HostAgentError as `push` does. */
  async importState(id: string, state: ExportedState): Promise<void> {
    const agent = await this.#agentOf(id);
    await this.machines.exclusively(id, () => agent.importState(state));
  }

  async #agentOf(id: string): Promise<Agent> {
    const { power } = this.machines.known(id);
    const { carrier } = this;
    if (!(carrier instanceof NamespaceAppliances)) {
      const path = `/v1/appliances/${id}/agent`;
      throw new HostAgentError('conflict', `appliance ${id}: is a VM; its agent is asked through the tunnel ${path}`);
    }
    // After a start of the host agent its turn to be adopted may not have come.
    const isLate = power === 'Running' && this.machines.faultOf(id) === undefined && carrier.agent(id) === undefined;
    if (isLate) await this.machines.remake(id);
    const agent = carrier.agent(id);
    if (agent !== undefined) return agent;
    const reason = this.machines.faultOf(id);
    if (reason !== undefined) throw new HostAgentError('failed', `appliance ${id}: is not running`, { detail: reason });
    throw new HostAgentError('conflict', `appliance ${id}: expected it to be running, but it is ${power}`);
  }

  async #reportOf(id: string, { spec }: Powered<ApplianceSpec>): Promise<ApplianceReport> {
    const state = this.machines.stateOf(id);
    const traits = await this.carrier.traits(id);
    const dark = this.ports.isDark(id, spec) ? { dark: true as const } : {};
    const report = { id, kind: spec.kind, ...state, ...traits, ...dark };
    return { ...report, ...(await lastWords(this.#driver, 'appliance', id, state, traits.hasConfigDrive)) };
  }
}
