// Appliances on this host, in namespaces or as VMs.
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
  type ApplianceKind,
  type ApplianceReport,
  type ApplianceSpec,
  ApplianceSpecSchema,
  type Bootstrap,
  type Ports,
  validator,
} from '@isthmus/contract';
import type { ApplianceCarrier } from './appliance-carrier.ts';
import { AppliancePorts } from './appliance-ports.ts';
import type { ConfigDrives } from './control/config-drives.ts';
import { HostAgentError, PushRefusedError } from './errors.ts';
import { lastWords } from './last-words.ts';
import { type MachineContext, Machines } from './machines.ts';
import type { Powered } from './records.ts';

export const applianceValidator = validator(ApplianceSpecSchema);

/** Who carries each kind of appliance on this host: one may carry several. */
export type ApplianceCarriers = Readonly<Record<ApplianceKind, ApplianceCarrier>>;

/** What appliances are made with. */
export interface AppliancesContext extends MachineContext {
  readonly installation: string;
  readonly drives: ConfigDrives;
}

export class Appliances {
  readonly machines: Machines<ApplianceSpec>;
  readonly ports: AppliancePorts;
  readonly #carriers: ApplianceCarriers;
  readonly #drives: ConfigDrives;

  constructor(context: AppliancesContext, carriers: ApplianceCarriers) {
    this.#carriers = carriers;
    this.#drives = context.drives;
    this.ports = new AppliancePorts(context);
    this.machines = new Machines(context, {
      noun: 'appliance',
      spec: applianceValidator,
      make: async (id, spec) => {
        await this.ports.prepare(id, spec);
        await carriers[spec.kind].make(id, spec);
      },
      change: (id, before, after) => carriers[after.kind].change(id, before, after),
      halt: (id) => this.#carrierOf(id).halt(id),
      forget: async (id) => {
        for (const carrier of this.#carriersFor(id)) await carrier.forget(id);
        await this.ports.forget(id);
      },
    });
  }

  /** Makes and starts it, or changes it. Throws HostAgentError: `conflict` where it is of another kind. */
  async put(id: string, spec: ApplianceSpec): Promise<void> {
    const kind = this.#kindOf(id) ?? spec.kind;
    if (kind === spec.kind) return this.machines.put(id, spec);
    throw new HostAgentError('conflict', `appliance ${id}: kind ${spec.kind}: expected ${kind} as before`);
  }

  /** Makes again those that do not run. */
  async heal(): Promise<void> {
    await this.machines.heal((machines) => this.#broken(machines));
  }

  /** Makes one again at once that is said to have ended. */
  async revive(id: string): Promise<void> {
    await this.machines.revive(id, (machines) => this.#broken(machines));
  }

  /**
   * Keeps what the next start, or PUT, of an appliance is to find on its config drive; this host need not have it yet.
   * Throws HostAgentError (`conflict`) where its agent is in this process.
   */
  async putConfigDrive(id: string, bootstrap: Bootstrap): Promise<void> {
    if (this.#kindOf(id) !== undefined) this.#insideOf(id);
    await this.machines.exclusively(id, () => this.#drives.put(id, bootstrap));
  }

  /** Takes the config drive out of an appliance and removes it. Throws HostAgentError (`not-found`, `conflict`). */
  async ejectConfigDrive(id: string): Promise<void> {
    this.machines.known(id);
    const agents = this.#insideOf(id);
    await this.machines.exclusively(id, () => agents.ejectConfigDrive(id));
  }

  /** The host agent ends; the appliances go on. */
  async release(): Promise<void> {
    for (const carrier of new Set(Object.values(this.#carriers))) await carrier.release();
  }

  /** Everything is about to be removed. */
  async shutdown(): Promise<void> {
    for (const carrier of new Set(Object.values(this.#carriers))) await carrier.shutdown();
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
    const { agents } = this.#carrierOf(id);
    if (agents.where === 'inside') {
      const path = `/v1/appliances/${id}/agent`;
      throw new HostAgentError(
        'conflict',
        `appliance ${id}: its agent is inside, and is asked through the tunnel ${path}`,
      );
    }
    // After a start of the host agent its turn to be adopted may not have come.
    const isLate = power === 'Running' && this.machines.faultOf(id) === undefined && agents.of(id) === undefined;
    if (isLate) await this.machines.remake(id);
    const agent = agents.of(id);
    if (agent !== undefined) return agent;
    const reason = this.machines.faultOf(id);
    if (reason !== undefined) throw new HostAgentError('failed', `appliance ${id}: is not running`, { detail: reason });
    throw new HostAgentError('conflict', `appliance ${id}: expected it to be running, but it is ${power}`);
  }

  #kindOf(id: string): ApplianceKind | undefined {
    return this.machines.entries().find(([known]) => known === id)?.[1].spec.kind;
  }

  #carrierOf(id: string): ApplianceCarrier {
    return this.#carriers[this.machines.known(id).spec.kind];
  }

  /** Those who may have something of it: of one that this host does not have, all. */
  #carriersFor(id: string): ReadonlySet<ApplianceCarrier> {
    const kind = this.#kindOf(id);
    return new Set(kind === undefined ? Object.values(this.#carriers) : [this.#carriers[kind]]);
  }

  #insideOf(id: string): Extract<ApplianceCarrier['agents'], { where: 'inside' }> {
    const { agents } = this.#carrierOf(id);
    if (agents.where === 'inside') return agents;
    throw new HostAgentError(
      'conflict',
      `appliance ${id}: expected one with its agent inside: it takes no config drive`,
    );
  }

  async #broken(machines: Parameters<ApplianceCarrier['broken']>[0]): Promise<string[]> {
    const carried = Map.groupBy(machines, ({ id }) => this.#carrierOf(id));
    const broken = [...carried].map(([carrier, own]) => carrier.broken(own));
    return (await Promise.all(broken)).flat();
  }

  async #reportOf(id: string, { spec }: Powered<ApplianceSpec>): Promise<ApplianceReport> {
    const state = this.machines.stateOf(id);
    const carrier = this.#carriers[spec.kind];
    const traits = await carrier.traits(id);
    const dark = this.ports.isDark(id, spec) ? { dark: true as const } : {};
    const report = { id, kind: spec.kind, ...state, ...traits, ...dark };
    return { ...report, ...(await lastWords(() => carrier.lastWords(id), state, traits.hasConfigDrive)) };
  }
}
