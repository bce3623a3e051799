// Virtual routers on this host. Each has its agent in this process, as a library; what the agent serves goes on without it.
import { type Agent, createAgent, type ExportedState, RefusedError } from '@isthmus/agent';
import {
  type Acknowledgement,
  type AgentStatus,
  type ApplianceReport,
  type ApplianceSpec,
  ApplianceSpecSchema,
  validator,
} from '@isthmus/contract';
import type { RouterPaths, RouterService, ServiceContext } from '@isthmus/router';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { HostAgentError, PushRefusedError } from './errors.ts';
import { forEachLimited } from './keyed-lock.ts';
import { type MachineContext, Machines } from './machines.ts';
import type { Powered } from './records.ts';
import { shortId } from './wiring/names.ts';

export const applianceValidator = validator(ApplianceSpecSchema);

const endedAtOnce = 4;

/** What appliances are made with. `run` is the host agent's; `createServices` lists the services of a router. */
export interface ApplianceContext extends MachineContext {
  readonly installation: string;
  readonly run: string;
  readonly createServices: (context: ServiceContext) => readonly RouterService[];
}

export class Appliances {
  readonly machines: Machines<ApplianceSpec>;
  readonly #context: ApplianceContext;
  readonly #driver: NamespaceDriver;
  readonly #agents = new Map<string, Agent>();

  constructor(context: ApplianceContext, driver: NamespaceDriver) {
    this.#context = context;
    this.#driver = driver;
    this.machines = new Machines(context, {
      noun: 'appliance',
      spec: applianceValidator,
      make: (id, spec) => this.#make(id, spec),
      // NICs are changed in place by `make`: connections through the others live.
      change: async () => {},
      halt: (id) => this.#halt(id),
      forget: (id) => this.#forget(id),
    });
  }

  /** Throws HostAgentError (`not-found`). */
  async report(id: string): Promise<ApplianceReport> {
    return this.#reportOf(id, this.machines.known(id));
  }

  list(): Promise<ApplianceReport[]> {
    return Promise.all(this.machines.entries().map(([id, record]) => this.#reportOf(id, record)));
  }

  /** Throws PushRefusedError; HostAgentError where the appliance is unknown (`not-found`) or at rest (`conflict`). */
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

  /** The state that the document does not hold, such as leases, for a replacement. Throws HostAgentError as `push` does. */
  async exportState(id: string): Promise<ExportedState> {
    return (await this.#agentOf(id)).exportState();
  }

  /** Takes the state of the router that this one replaces; before its first push. Throws HostAgentError as `push` does. */
  async importState(id: string, state: ExportedState): Promise<void> {
    const agent = await this.#agentOf(id);
    await this.machines.exclusively(id, () => agent.importState(state));
  }

  /** Ends every agent in this process; the routers serve on. */
  async release(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.release()));
  }

  /** Ends every agent and what it serves. What an agent cannot end goes with its namespace. */
  async shutdown(): Promise<void> {
    const agents = [...this.#agents];
    this.#agents.clear();
    await forEachLimited(agents, endedAtOnce, async ([id, agent]) => {
      await agent.shutdown().catch((error: unknown) => {
        this.#context.host.log.warn('an agent did not end what it serves', { id, error });
      });
    });
  }

  #paths(id: string): RouterPaths {
    const { state, run } = this.#context;
    return { state: `${state}/appliances/${id}`, run: `${run}/appliances/${shortId(id)}` };
  }

  async #make(id: string, spec: ApplianceSpec): Promise<void> {
    const { host, changed } = await this.#driver.ensureRouter(id, spec.nics);
    const running = this.#agents.get(id);
    if (running !== undefined && !changed) return;
    // New NICs have no addresses: an agent that begins anew applies the whole document from disk.
    await running?.release();
    const paths = this.#paths(id);
    const services = this.#context.createServices({ host, paths, namePrefix: this.#context.installation });
    const agent = await createAgent({ host, paths, services });
    this.#agents.set(id, agent);
    await agent.boot();
  }

  async #halt(id: string): Promise<void> {
    const agent = this.#agents.get(id);
    this.#agents.delete(id);
    await agent?.shutdown();
    await this.#driver.removeRouter(id);
  }

  async #forget(id: string): Promise<void> {
    const { state, run } = this.#paths(id);
    await Promise.all([state, run].map((path) => this.#context.host.files.remove(path)));
  }

  async #agentOf(id: string): Promise<Agent> {
    const { power } = this.machines.known(id);
    // After a start of the host agent its turn to be adopted may not have come.
    const isLate = power === 'Running' && this.machines.faultOf(id) === undefined && !this.#agents.has(id);
    if (isLate) await this.machines.remake(id);
    const agent = this.#agents.get(id);
    if (agent !== undefined) return agent;
    const reason = this.machines.faultOf(id);
    if (reason !== undefined) throw new HostAgentError('failed', `appliance ${id}: is not running`, { detail: reason });
    throw new HostAgentError('conflict', `appliance ${id}: expected it to be running, but it is ${power}`);
  }

  async #reportOf(id: string, { power, spec }: Powered<ApplianceSpec>): Promise<ApplianceReport> {
    const { kind } = spec;
    const agent = (await this.#agents.get(id)?.status()) ?? null;
    const reason = this.machines.faultOf(id);
    return reason === undefined ? { id, kind, state: power, agent } : { id, kind, state: 'Error', reason, agent };
  }
}
