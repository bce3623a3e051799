// Console proxies on hosts without VMs: each is one process in a network namespace of its own, so that it can be killed,
// with a control NIC and the files of a config drive. It outlives the host agent, and is started again as soon as it ends.
import type { ApplianceSpec, Nic } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { type ApplianceCarrier, type ApplianceTraits, traitsOfInside } from './appliance-carrier.ts';
import type { ConfigDrives } from './control/config-drives.ts';
import type { ControlNetwork } from './control/control-network.ts';
import { endProcesses, isAlive, type ProcessIdentity } from './drivers/namespace/detached-process.ts';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { findProxies, type ProxyPaths, ProxyProcess } from './drivers/namespace/proxy-process.ts';
import { shortId } from './wiring/names.ts';

const lookEveryMs = 200;
/** Looks between two at the logs. */
const logLooks = 25;

/**
 * What proxies are made with. `state` and `run` are the host agent's; `program` is the absolute path of what they run;
 * `ended` is called for each that ends by itself.
 */
export interface ConsoleProxyContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly driver: NamespaceDriver;
  readonly control: ControlNetwork;
  readonly drives: ConfigDrives;
  readonly program: string;
  readonly ended: (id: string) => void;
}

export class NamespaceConsoleProxies implements ApplianceCarrier {
  readonly agents: ApplianceCarrier['agents'];
  readonly #context: ConsoleProxyContext;
  /** Those that run, as of the last look. */
  readonly #running = new Map<string, ProcessIdentity>();
  #watch: NodeJS.Timeout | null = null;
  #looks = 0;

  constructor(context: ConsoleProxyContext) {
    this.#context = context;
    this.agents = { where: 'inside', ejectConfigDrive: (id) => this.#ejectConfigDrive(id) };
  }

  async make(id: string, spec: ApplianceSpec): Promise<void> {
    const { control, driver, drives, host, program } = this.#context;
    const nic = await control.allocate(id);
    const place = await driver.ensureAppliance(id, spec.nics, { nic, bridge: control.bridge });
    const process = this.#process(id);
    // New NICs have no addresses, and a new namespace no rules: a process that begins anew sees to both.
    if (place.changed) await this.#end(id);
    await host.files.makeDirectory(this.#root(id), { mode: 0o711 });
    await drives.spread(id, spec, nic, this.#paths(id).drive);
    const [found, ...doubles] = process.find();
    await endProcesses(host, doubles, 0);
    this.#running.set(id, found ?? (await process.start(place.host, program)));
    this.#watch ??= setInterval(() => this.#look(), lookEveryMs).unref();
  }

  /** NICs are changed by `make`. */
  async change(): Promise<void> {}

  async halt(id: string): Promise<void> {
    await this.#end(id);
    await this.#context.driver.removeAppliance(id);
  }

  async forget(id: string): Promise<void> {
    const { control, drives, host } = this.#context;
    await Promise.all([this.#paths(id).state, this.#root(id)].map((path) => host.files.remove(path)));
    await drives.remove(id);
    await control.free(id);
  }

  traits(id: string): Promise<ApplianceTraits> {
    return traitsOfInside(this.#context, id);
  }

  async broken(machines: readonly { readonly id: string; readonly nics: readonly Nic[] }[]): Promise<string[]> {
    const { driver } = this.#context;
    const ids = machines.map(({ id }) => id);
    const unwired = [...(await driver.broken('appliance', machines)), ...(await driver.withoutControl(ids))];
    return ids.filter((id) => unwired.includes(id) || !this.#runs(id));
  }

  lastWords(id: string): Promise<string> {
    return this.#process(id).lastWords();
  }

  async release(): Promise<void> {
    this.#stopLooking();
  }

  async shutdown(): Promise<void> {
    this.#stopLooking();
    // Also what no record names, and what is in a namespace whose name someone removed.
    await endProcesses(this.#context.host, findProxies(`${this.#context.state}/appliances`), 0);
  }

  async #ejectConfigDrive(id: string): Promise<void> {
    await this.#context.host.files.remove(this.#paths(id).drive);
    await this.#context.drives.remove(id);
  }

  /** What is in `run` is of the namespace, which goes with the process or was made anew. */
  async #end(id: string): Promise<void> {
    this.#running.delete(id);
    await this.#process(id).end();
    await this.#context.host.files.remove(this.#paths(id).run);
  }

  #runs(id: string): boolean {
    const process = this.#running.get(id);
    return process !== undefined && isAlive(process);
  }

  #look(): void {
    for (const id of [...this.#running.keys()].filter((each) => !this.#runs(each))) {
      this.#running.delete(id);
      this.#context.ended(id);
    }
    this.#looks += 1;
    if (this.#looks % logLooks !== 0) return;
    for (const id of this.#running.keys()) {
      void this.#process(id)
        .shortenLog()
        .catch((error: unknown) => {
          this.#context.host.log.warn('the log of a console proxy could not be shortened', { id, error });
        });
    }
  }

  #stopLooking(): void {
    if (this.#watch !== null) clearInterval(this.#watch);
    this.#watch = null;
    this.#running.clear();
  }

  #process(id: string): ProxyProcess {
    const { host, installation } = this.#context;
    return new ProxyProcess(host, installation, id, this.#paths(id));
  }

  #root(id: string): string {
    return `${this.#context.run}/appliances/${shortId(id)}`;
  }

  #paths(id: string): ProxyPaths {
    const root = this.#root(id);
    const state = `${this.#context.state}/appliances/${id}`;
    return { state, run: `${root}/run`, drive: `${root}/config-drive`, log: `${root}/log` };
  }
}
