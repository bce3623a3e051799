// The host agent without its API: what it has, how it comes back to it after a restart, how it removes it.
import type { ControlNic, HostReport, InstanceSpec, Tunnels as TunnelPeers } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { RouterService, ServiceContext } from '@isthmus/router';
import { type ApplianceCarriers, Appliances } from './appliances.ts';
import { consoleProxyProgram } from './console-proxy-program.ts';
import { type ConsolePeers, Consoles } from './consoles/consoles.ts';
import { InstanceShells } from './consoles/instance-shells.ts';
import { type MachineConsoles, NamespaceConsoles, VirtualMachineConsoles } from './consoles/machine-consoles.ts';
import { ConfigDrives } from './control/config-drives.ts';
import { ControlNetwork } from './control/control-network.ts';
import type { VirtualMachineDriver } from './drivers/driver.ts';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { HostAgentError } from './errors.ts';
import { bootIdOfMachine, hostReport } from './host-report.ts';
import { IncomingInstances } from './incoming.ts';
import { Instances, requireMachine } from './instances.ts';
import { NamespaceConsoleProxies } from './namespace-console-proxies.ts';
import { NamespaceRouters } from './namespace-routers.ts';
import { Segments } from './segments.ts';
import { VirtualMachines } from './virtual-machines.ts';
import type { SegmentBridges } from './wiring/segment-bridges.ts';
import type { Tunnels } from './wiring/tunnels.ts';

/**
 * `state` survives a reboot of the machine, `run` need not; both absolute. `tunnels`, which are open, are those of
 * `bridges`. `asksFirst`: after a reboot of the machine nothing starts without an order, since others may carry it by then;
 * VMs always do. `peers`: how consoles of other hosts are reached; absent: none is. `healIntervalMs`: pause between two
 * looks for what died. `bootId`: that of the machine; given by tests.
 */
export interface HostAgentOptions {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly version: string;
  readonly bridges: SegmentBridges;
  readonly tunnels: Tunnels | null;
  readonly driver: NamespaceDriver | VirtualMachineDriver;
  readonly createServices: (context: ServiceContext) => readonly RouterService[];
  readonly peers?: ConsolePeers;
  readonly asksFirst?: boolean;
  /** Absolute path of what console proxies in namespaces run. Default: what lies beside this program. */
  readonly consoleProxyProgram?: string;
  readonly healIntervalMs?: number;
  readonly bootId?: string;
}

export class HostAgent {
  readonly appliances: Appliances;
  readonly instances: Instances;
  readonly segments: Segments;
  readonly control: ControlNetwork;
  readonly consoles: Consoles;
  readonly #options: HostAgentOptions;
  readonly #bootId: string;
  readonly #vms: VirtualMachines | null;
  readonly #incoming: IncomingInstances | null;
  readonly #end = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();
  #adopting: Promise<unknown> = Promise.resolve();
  #isRemoving = false;

  constructor(options: HostAgentOptions) {
    const { host, installation, state, run, bridges, driver } = options;
    this.#options = options;
    this.control = new ControlNetwork(options);
    this.#bootId = options.bootId ?? bootIdOfMachine();
    this.segments = new Segments(host, state, bridges, (id) => [
      ...this.appliances.machines.usersOf(id),
      ...this.instances.machines.usersOf(id),
    ]);
    const records = () => [...this.appliances.machines.entries(), ...this.instances.machines.entries()];
    const machines = () => records().map(([, { spec }]) => spec.machine);
    const { control } = this;
    const drives = new ConfigDrives(host, run);
    this.#vms =
      driver.name === 'libvirt' ? new VirtualMachines({ host, state, control, drives, driver, machines }) : null;
    const asksFirst = this.#vms !== null || options.asksFirst === true;
    const bootId = asksFirst ? this.#bootId : null;
    const context = { host, state, segments: this.segments, bootId };
    const carriers = driver.name === 'libvirt' ? virtualMachineCarriers(this.vms()) : this.#carriersIn(driver, drives);
    this.appliances = new Appliances({ ...context, installation, drives }, carriers);
    this.instances = new Instances(context, driver, this.#vms?.images ?? null);
    this.#incoming = driver.name === 'libvirt' ? this.#expecting(driver) : null;
    const machineConsoles = this.#consolesOf(driver);
    const stateOf = (machine: 'instance' | 'appliance', id: string) => this[`${machine}s`].machines.stateOf(id);
    this.consoles = new Consoles({ host, control, peers: options.peers ?? null, machines: machineConsoles, stateOf });
  }

  /**
   * Reads what was ordered, brings port security into force, and begins to adopt or remake every router and instance.
   * Resolves before that has ended: a request for one that waits for its turn makes it.
   */
  async open(): Promise<void> {
    const { host, state, run, bridges, driver } = this.#options;
    await host.files.makeDirectory(state);
    // Daemons without privileges pass through it to what is theirs; each file in it says who may use it.
    await host.files.makeDirectory(run, { mode: 0o711 });
    await host.files.makeDirectory(`${state}/host-agent`, { mode: 0o700 });
    await this.segments.load(host.log);
    await this.control.load();
    await this.#vms?.images.open();
    await this.appliances.machines.load();
    await this.instances.machines.load();
    await this.#incoming?.load();
    await bridges.open(this.segments.all(), this.control.bridgesInUse(), this.control.gateway());
    await this.appliances.ports.open(this.appliances.machines.entries().map(([id, { spec }]) => ({ id, spec })));
    await driver.open({ appliances: this.appliances.machines.running(), instances: this.instances.machines.running() });
    const kinds = [this.appliances.machines, this.instances.machines];
    this.#adopting = Promise.all([
      ...kinds.map((machines) => machines.adopt(this.#end.signal)),
      this.#incoming?.settleAll(),
    ]);
    this.#watching = this.#watch();
  }

  /** Resolves when everything that was recorded has been adopted or has failed. */
  async adopted(): Promise<void> {
    await this.#adopting;
  }

  report(): HostReport {
    return hostReport({ ...this.#options, bootId: this.#bootId });
  }

  /** What the host has for VMs. Throws HostAgentError (`conflict`) where its driver is another. */
  vms(): VirtualMachines {
    if (this.#vms !== null) return this.#vms;
    throw new HostAgentError('conflict', 'expected a host that carries VMs (driver libvirt), not driver namespace');
  }

  /** Instances that come from other hosts. Throws HostAgentError (`conflict`) where the host's driver is another. */
  incoming(): IncomingInstances {
    if (this.#incoming !== null) return this.#incoming;
    throw new HostAgentError('conflict', 'expected a host that carries VMs (driver libvirt), not driver namespace');
  }

  /** Null where the host's driver takes no instance over. */
  incomingIfAny(): IncomingInstances | null {
    return this.#incoming;
  }

  /** The control NIC of an appliance that runs. Throws HostAgentError (`not-found`, `conflict`). */
  controlNicOf(id: string): ControlNic {
    const { state, reason } = this.appliances.machines.stateOf(id);
    const nic = this.control.nicOf(id);
    if (state === 'Running' && nic !== null) return nic;
    if (state === 'Running') throw new HostAgentError('conflict', `appliance ${id}: expected one with a control NIC`);
    const why = reason === undefined ? '' : `: ${reason}`;
    throw new HostAgentError('conflict', `appliance ${id}: expected it to be running, but it is ${state}${why}`);
  }

  /** Tunnel addresses of the zone's other hosts. Throws HostAgentError (`conflict`) where this host has none itself. */
  async setTunnels({ peers }: TunnelPeers): Promise<void> {
    const { tunnels } = this.#options;
    if (tunnels !== null) return tunnels.setPeers(peers);
    if (peers.length === 0) return;
    throw new HostAgentError('conflict', 'peers: expected none, since this host has no tunnel address');
  }

  /** Throws HostAgentError (`conflict`) while everything is being removed. */
  refuseWhileRemoving(): void {
    if (this.#isRemoving) throw new HostAgentError('conflict', 'everything on this host is being removed');
  }

  /** Removes everything that this installation ever made on the host, besides the host agent itself and its identity. */
  async removeEverything(): Promise<void> {
    this.refuseWhileRemoving();
    this.#isRemoving = true;
    try {
      await this.#adopting;
      await this.#looking;
      await Promise.all([this.appliances.machines.idle(), this.instances.machines.idle()]);
      await this.consoles.release();
      await this.appliances.shutdown();
      // From here on nothing is known that someone could make again.
      for (const records of [this.appliances.machines, this.instances.machines, this.#incoming]) records?.clear();
      const { host, state, run, bridges, driver } = this.#options;
      await driver.removeEverything();
      await this.appliances.ports.clear();
      await bridges.removeAll();
      const own = `${state}/host-agent`;
      const kept = (await host.files.list(own)).filter((name) => name !== identityName).map((name) => `${own}/${name}`);
      const hasIdentity = await host.files.exists(`${own}/${identityName}`);
      const folders = [`${state}/appliances`, `${state}/images`, `${run}/appliances`, `${run}/config-drives`];
      for (const path of [...(hasIdentity ? kept : [own]), ...folders]) await host.files.remove(path);
      this.segments.clear();
      this.control.clear();
    } finally {
      this.#isRemoving = false;
    }
  }

  /** Ends the agents and the watch; routers and instances go on. */
  async release(): Promise<void> {
    this.#end.abort(new Error('the host agent ends'));
    await this.#watching;
    await this.#adopting;
    await this.#incoming?.release();
    await this.consoles.release();
    await Promise.all([this.appliances.machines.idle(), this.instances.machines.idle()]);
    await this.appliances.release();
  }

  #consolesOf(driver: NamespaceDriver | VirtualMachineDriver): MachineConsoles {
    if (driver.name === 'libvirt') return new VirtualMachineConsoles(this.#options.host, driver);
    const hostnameOf = (id: string) => this.instances.machines.known(id).spec.hostname;
    return new NamespaceConsoles(new InstanceShells({ ...this.#options, hostnameOf }));
  }

  #expecting(driver: VirtualMachineDriver): IncomingInstances {
    const { host, state } = this.#options;
    const instances = this.instances.machines;
    const prepare = async (id: string, spec: InstanceSpec) => {
      await requireMachine(this.vms().images, id, spec);
      await this.segments.admit(spec.nics.map(({ segment }) => segment));
    };
    return new IncomingInstances({ host, state, driver, instances, prepare });
  }

  #carriersIn(driver: NamespaceDriver, drives: ConfigDrives): ApplianceCarriers {
    const { consoleProxyProgram: program = consoleProxyProgram(), ...options } = this.#options;
    const proxies = new NamespaceConsoleProxies({
      ...{ ...options, driver, drives, control: this.control, program },
      ended: (id) => void this.#revive(id),
    });
    return { router: new NamespaceRouters(options, driver), 'console-proxy': proxies };
  }

  async #revive(id: string): Promise<void> {
    if (this.#end.signal.aborted || this.#isRemoving) return;
    await this.appliances.revive(id).catch((error: unknown) => {
      this.#options.host.log.error('a console proxy that ended was not started again', { id, error });
    });
  }

  /** Looks after everything once. */
  async #look(): Promise<void> {
    const { bridges, driver } = this.#options;
    await bridges.heal();
    await this.control.heal();
    await this.consoles.heal();
    await driver.healPacketFilters();
    await this.appliances.ports.heal();
    await this.appliances.heal();
    await this.instances.machines.heal((machines) => driver.broken('instance', machines));
  }

  async #watch(): Promise<void> {
    const { host, healIntervalMs = this.#vms === null ? 5000 : 1500 } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      await host.clock.sleep(healIntervalMs, signal).catch(() => undefined);
      if (signal.aborted || this.#isRemoving) continue;
      this.#looking = this.#look().catch((error: unknown) => {
        host.log.error('the watch over this host failed', { error });
      });
      await this.#looking;
    }
  }
}

function virtualMachineCarriers({ carrier }: VirtualMachines): ApplianceCarriers {
  return { router: carrier, 'console-proxy': carrier };
}

/** Name of the folder that holds who this host is. */
const identityName = 'identity';
