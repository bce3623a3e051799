// The host agent without its API: what it has, how it comes back to it after a restart, how it removes it.
import { readFileSync } from 'node:fs';
import { cpus, hostname, totalmem } from 'node:os';
import type { HostReport } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { RouterService, ServiceContext } from '@isthmus/router';
import { Appliances } from './appliances.ts';
import type { NamespaceDriver } from './drivers/namespace/namespace-driver.ts';
import { HostAgentError } from './errors.ts';
import { Instances } from './instances.ts';
import { NamespaceAppliances } from './namespace-appliances.ts';
import { Segments } from './segments.ts';
import type { SegmentBridges } from './wiring/segment-bridges.ts';

/** `state` survives a reboot of the machine, `run` need not; both absolute. `healIntervalMs`: pause between two looks for dead daemons. */
export interface HostAgentOptions {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly run: string;
  readonly version: string;
  readonly bridges: SegmentBridges;
  readonly driver: NamespaceDriver;
  readonly createServices: (context: ServiceContext) => readonly RouterService[];
  readonly healIntervalMs?: number;
}

export class HostAgent {
  readonly appliances: Appliances;
  readonly instances: Instances;
  readonly segments: Segments;
  readonly #options: HostAgentOptions;
  readonly #end = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #adopting: Promise<unknown> = Promise.resolve();
  #isRemoving = false;

  constructor(options: HostAgentOptions) {
    const { host, state, bridges, driver } = options;
    this.#options = options;
    this.segments = new Segments(host, state, bridges, (id) => [
      ...this.appliances.machines.usersOf(id),
      ...this.instances.machines.usersOf(id),
    ]);
    const context = { ...options, segments: this.segments };
    this.appliances = new Appliances(context, new NamespaceAppliances(options, driver));
    this.instances = new Instances(context, driver);
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
    await this.appliances.machines.load();
    await this.instances.machines.load();
    await bridges.open(this.segments.all());
    await driver.open({ appliances: this.appliances.machines.running(), instances: this.instances.machines.running() });
    const kinds = [this.appliances.machines, this.instances.machines];
    this.#adopting = Promise.all(kinds.map((machines) => machines.adopt(this.#end.signal)));
    this.#watching = this.#watch();
  }

  /** Resolves when everything that was recorded has been adopted or has failed. */
  async adopted(): Promise<void> {
    await this.#adopting;
  }

  report(): HostReport {
    const { installation, version } = this.#options;
    return {
      installation,
      hostname: hostname(),
      driver: this.#options.driver.name,
      accelerator: null,
      bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      tunnelAddress: null,
      version,
      cpus: cpus().length,
      memoryBytes: totalmem(),
      memoryFreeBytes: availableMemoryBytes(),
      pid: process.pid,
    };
  }

  /** Throws HostAgentError (`conflict`) while everything is being removed. */
  refuseWhileRemoving(): void {
    if (this.#isRemoving) throw new HostAgentError('conflict', 'everything on this host is being removed');
  }

  /** Removes everything that this installation ever made on the host, besides the host agent itself. */
  async removeEverything(): Promise<void> {
    this.refuseWhileRemoving();
    this.#isRemoving = true;
    try {
      await this.#adopting;
      await Promise.all([this.appliances.machines.idle(), this.instances.machines.idle()]);
      await this.appliances.carrier.shutdown();
      const { host, state, run, bridges, driver } = this.#options;
      await driver.removeEverything();
      await bridges.removeAll();
      const paths = [`${state}/host-agent`, `${state}/appliances`, `${run}/appliances`];
      for (const path of paths) await host.files.remove(path);
      for (const records of [this.appliances.machines, this.instances.machines, this.segments]) records.clear();
    } finally {
      this.#isRemoving = false;
    }
  }

  /** Ends the agents and the watch; routers and instances go on. */
  async release(): Promise<void> {
    this.#end.abort(new Error('the host agent ends'));
    await this.#watching;
    await this.#adopting;
    await Promise.all([this.appliances.machines.idle(), this.instances.machines.idle()]);
    await this.appliances.carrier.release();
  }

  /** Makes again what died, and the ports and bridges that someone else removed. */
  async #healMachines(): Promise<void> {
    const { host, driver } = this.#options;
    const kinds = [['appliance', this.appliances] as const, ['instance', this.instances] as const];
    for (const [kind, { machines }] of kinds) {
      const running = machines.running().map(({ id, spec: { nics } }) => ({ id, nics }));
      for (const id of await driver.broken(kind, running)) {
        host.log.warn('what should run does not, or not whole; making it again', { kind, id });
        await machines.remake(id);
      }
    }
  }

  async #watch(): Promise<void> {
    const { host, bridges, driver, healIntervalMs = 5000 } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      await host.clock.sleep(healIntervalMs, signal).catch(() => undefined);
      if (signal.aborted || this.#isRemoving) continue;
      try {
        await bridges.heal();
        await driver.healPacketFilters();
        await this.#healMachines();
      } catch (error) {
        host.log.error('the watch over this host failed', { error });
      }
    }
  }
}

/** What programs could take without swapping (proc(5), MemAvailable). */
function availableMemoryBytes(): number {
  const [, kilobytes = '0'] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
