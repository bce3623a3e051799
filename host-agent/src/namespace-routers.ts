// Routers in namespaces. Each has its agent in this process, as a library; what the agent serves goes on without it.
import { type Agent, createAgent } from '@isthmus/agent';
import type { ApplianceSpec, Nic } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { RouterPaths, RouterService, ServiceContext } from '@isthmus/router';
import type { ApplianceCarrier, ApplianceTraits } from './appliance-carrier.ts';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { forEachLimited } from './keyed-lock.ts';
import { shortId } from './wiring/names.ts';

const endedAtOnce = 4;

/** What agents are made with. `state` and `run` are the host agent's; `createServices` lists the services of a router. */
export interface AgentContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly createServices: (context: ServiceContext) => readonly RouterService[];
}

export class NamespaceRouters implements ApplianceCarrier {
  readonly agents: ApplianceCarrier['agents'];
  readonly #context: AgentContext;
  readonly #driver: NamespaceDriver;
  readonly #agents = new Map<string, Agent>();

  constructor(context: AgentContext, driver: NamespaceDriver) {
    this.#context = context;
    this.#driver = driver;
    this.agents = { where: 'here', of: (id) => this.#agents.get(id) };
  }

  async make(id: string, spec: ApplianceSpec): Promise<void> {
    const { host, changed } = await this.#driver.ensureAppliance(id, spec.nics);
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

  /** NICs are changed in place by `make`: connections through the others live. */
  async change(): Promise<void> {}

  async halt(id: string): Promise<void> {
    const agent = this.#agents.get(id);
    this.#agents.delete(id);
    await agent?.shutdown();
    await this.#driver.removeAppliance(id);
  }

  async forget(id: string): Promise<void> {
    const { state, run } = this.#paths(id);
    await Promise.all([state, run].map((path) => this.#context.host.files.remove(path)));
  }

  async traits(id: string): Promise<ApplianceTraits> {
    return { agent: (await this.#agents.get(id)?.status()) ?? null };
  }

  broken(machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[]): Promise<string[]> {
    return this.#driver.broken('appliance', machines);
  }

  /** A namespace has no console. */
  async lastWords(): Promise<string> {
    return '';
  }

  async release(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.release()));
  }

  /** What an agent cannot end goes with its namespace. */
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
}
