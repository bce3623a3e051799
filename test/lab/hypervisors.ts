// The hypervisors of a lab: their two networks, their host agents, their BMCs, and what runs on them.
import { readFile } from 'node:fs/promises';
import type { DriverName } from '@isthmus/contract';
import { createNamespaceHost, type Host } from '@isthmus/host';
import { namespaceName, socketPath } from '@isthmus/host-agent';
import { type Bmc, startBmc } from './bmc.ts';
import { isStillRunning, waitFor } from './clients.ts';
import { HostAgentClient } from './host-agent-client.ts';
import { Hypervisor } from './hypervisor.ts';
import { addNamespace, makeSwitches, plug } from './network.ts';
import { SerialConsole } from './serial-console.ts';

/** What of its lab the set uses. */
export interface LabOfHypervisors {
  readonly installation: string;
  readonly machine: Host;
  readonly state: string;
  readonly run: string;
  readonly socket: string;
  startDaemon(
    host: Host,
    file: string,
    args: readonly string[],
  ): Promise<{ readonly pid: number; readonly logPath: string }>;
}

const program = new URL('../../host-agent/src/main.ts', import.meta.url).pathname;

/** TCP port where a host agent that joins by token listens. */
const joinedPort = 8250;

const joinFile = '/run/join-token';

/** A virtual machine boots within this time on a machine of two cores that emulates and has more to do. */
const bootMs = 180_000;

export class Hypervisors {
  readonly all: readonly Hypervisor[];
  readonly drivers: readonly DriverName[];
  /** A namespace on the management network. */
  readonly management: Host;
  readonly bmcs: Bmc[] = [];
  readonly #lab: LabOfHypervisors;
  readonly #names: { readonly internet: string; readonly management: string };
  readonly #hostAgents = new Map<number, number>();
  readonly #consoles = new Map<string, SerialConsole>();

  constructor(lab: LabOfHypervisors, drivers: readonly DriverName[], diskBytes?: number) {
    this.#lab = lab;
    this.drivers = drivers;
    const { installation, machine, state } = lab;
    this.#names = { internet: `lab-${installation}-inet`, management: `lab-${installation}-mgmt` };
    this.management = createNamespaceHost(machine, this.#names.management);
    this.all = drivers.map((_, index) => {
      const own = `lab-${installation}-host${index === 0 ? '' : index + 1}`;
      const place = {
        machine,
        namespaces: { own, ...this.#names },
        disk: `${state}/hv${index + 1}`,
        number: index + 1,
      };
      return new Hypervisor(diskBytes === undefined ? place : { ...place, diskBytes });
    });
  }

  /** True where the hosts join the orchestrator by token, false where one is reached by its socket. */
  get isJoined(): boolean {
    return this.all.length > 1;
  }

  /** Wires and boots them all; their host agents are not started yet. */
  async build(): Promise<void> {
    const { machine, run } = this.#lab;
    const { internet, management } = this.#names;
    for (const name of [internet, management]) await addNamespace(machine, name);
    await makeSwitches(machine, internet, management);
    for (const [index, hypervisor] of this.all.entries()) {
      await hypervisor.powerOn();
      const start = (file: string, args: readonly string[]) => this.#lab.startDaemon(this.management, file, args);
      const powerOn = () => this.restorePower(index);
      const directory = `${run}/bmc${index + 1}`;
      this.bmcs.push(await startBmc({ machine, hypervisor, number: index + 1, directory, powerOn, start }));
    }
  }

  at(index: number): Hypervisor {
    const hypervisor = this.all[index];
    if (hypervisor === undefined) throw new Error(`hypervisor ${index}: the lab has ${this.all.length}`);
    return hypervisor;
  }

  /** Client of a hypervisor's host agent, by the socket that root has there. */
  agent(index: number): HostAgentClient {
    return new HostAgentClient(this.hostAgentSocket(index));
  }

  /** Where the machine sees the socket of a hypervisor's host agent. */
  hostAgentSocket(index: number): string {
    return this.at(index).path(socketPath(this.#lab.run));
  }

  /** Clients of the host agents of those that are on. */
  get agents(): readonly HostAgentClient[] {
    return this.all.flatMap((hypervisor, index) => (hypervisor.isOn ? [this.agent(index)] : []));
  }

  /** URL of a host agent, as addHost takes it. */
  url(index: number): string {
    return this.isJoined ? `https://${this.at(index).address}:${joinedPort}` : `unix:${this.#lab.socket}`;
  }

  /** Starts a host agent and waits until it answers. `token`: it joins. */
  async startHostAgent(index: number, token?: string): Promise<void> {
    const { installation, state, run, socket, machine } = this.#lab;
    const hypervisor = this.at(index);
    const { address } = hypervisor;
    const joined = ['--listen', `${address}:${joinedPort}`, '--tunnel-address', address];
    const args = [
      ...['--installation', installation, '--state', state, '--run', run],
      ...['--driver', this.drivers[index] ?? 'libvirt'],
      ...(this.isJoined ? joined : []),
      ...(token === undefined ? [] : ['--join-file', joinFile]),
    ];
    if (token !== undefined) await hypervisor.host.files.writeText(joinFile, `${token}\n`, { mode: 0o600 });
    const daemon = await this.#lab.startDaemon(hypervisor.host, process.execPath, [program, ...args]);
    this.#hostAgents.set(index, daemon.pid);
    const { commands } = machine;
    const answers = async () => {
      const found = await this.agent(index)
        .host()
        .catch(() => null);
      if (found !== null) return found;
      if (await isStillRunning(machine, daemon.pid, process.execPath)) return null;
      throw new Error(`the host agent ended:\n${await machine.files.readText(daemon.logPath)}`);
    };
    if (token === undefined) await waitFor(`the host agent answers (${daemon.logPath})`, answers, 120_000);
    if (this.isJoined) return;
    await commands.run('ln', ['-sfn', hypervisor.path(socketPath(run)), socket]);
  }

  /** Ends a host agent and waits until it is gone. */
  async killHostAgent(index: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const pid = this.#hostAgents.get(index);
    if (pid === undefined) throw new Error(`hypervisor ${index} has no host agent that runs`);
    const { commands } = this.#lab.machine;
    commands.signal(pid, signal);
    await waitFor('the host agent ends', async () => !(await commands.isRunning(pid, process.execPath)));
    this.#hostAgents.delete(index);
  }

  /** A power loss: everything on it is dead when this resolves. */
  async cutPower(index: number): Promise<void> {
    await this.at(index).powerOff();
    this.#hostAgents.delete(index);
  }

  /** Boots it; its host agent starts by itself. */
  async restorePower(index: number): Promise<void> {
    await this.at(index).powerOn();
    await this.startHostAgent(index);
  }

  /**
   * A namespace of the lab's own with one NIC on a guest bridge of a hypervisor, without port security. The bridge is the
   * only one there unless it is named.
   */
  async plugGuest(
    index: number,
    guest: { readonly name: string; readonly macAddress: string; readonly address?: string; readonly bridge?: string },
  ): Promise<Host> {
    const { installation, machine } = this.#lab;
    const { name, macAddress, address } = guest;
    const namespace = `lab-${installation}-${name}`;
    const bridge = guest.bridge ?? (await this.guestBridge(index));
    await addNamespace(machine, namespace);
    const hostNamespace = `lab-${installation}-host${index === 0 ? '' : index + 1}`;
    const nic = { name: 'eth0', port: `lab-${name}`.slice(0, 15), macAddress };
    const where = { hostNamespace, namespace, bridge };
    await plug(machine, where, address === undefined ? nic : { ...nic, address });
    return createNamespaceHost(machine, namespace);
  }

  /** Name of the one guest bridge on a hypervisor. Throws where there are more or none. */
  async guestBridge(index: number): Promise<string> {
    const { stdout } = await this.at(index).host.commands.run('ip', ['-brief', 'link', 'show', 'type', 'bridge']);
    const names = stdout.split('\n').map((line) => line.split(/\s/)[0] ?? '');
    const [found, ...others] = names.filter((name) => name.startsWith(`${this.#lab.installation}n`));
    if (found === undefined || others.length > 0) {
      throw new Error(`hypervisor ${index}: expected one guest bridge, found ${names.join(', ')}`);
    }
    return found;
  }

  /** The hypervisor in which an instance or router of the namespace driver has its namespace. */
  async machineOf(kind: 'r' | 'i', id: string): Promise<Host> {
    const name = namespaceName(this.#lab.installation, kind, id);
    for (const { host, isOn } of this.all) if (isOn && (await host.files.exists(`/run/netns/${name}`))) return host;
    throw new Error(`${name} is a namespace of no hypervisor`);
  }

  /** Where the QEMU of a VM (of a router `r`, an instance `i`) runs. More than one would be the same machine twice. */
  async emulators(kind: 'r' | 'i', id: string): Promise<{ readonly hypervisor: number; readonly pid: number }[]> {
    const name = `guest=${namespaceName(this.#lab.installation, kind, id)},`;
    const isItsOwn = async (pid: number) =>
      (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(name);
    const found = await Promise.all(
      this.all.map(async (hypervisor, index) => {
        if (!hypervisor.isOn) return [];
        const pids = await hypervisor.processes();
        const answers = await Promise.all(pids.map(isItsOwn));
        return pids.filter((_, place) => answers[place]).map((pid) => ({ hypervisor: index, pid }));
      }),
    );
    return found.flat();
  }

  /** Runs commands inside of an instance, wherever it is at that moment. */
  instance(id: string): Host {
    return this.#inside(() => this.#locateInstance(id));
  }

  /** Runs commands inside of a router's namespace. A router that is a VM admits none. */
  router(id: string): Host {
    return this.#inside(async () => {
      const found = await this.#namespaceHost(namespaceName(this.#lab.installation, 'r', id));
      if (found === null) throw new Error(`router ${id} is no namespace: nobody looks inside of a router VM`);
      return found;
    });
  }

  /** The address that an instance has by DHCP; null until then. */
  async leasedAddress(id: string): Promise<string | null> {
    for (const [index, hypervisor] of this.all.entries()) {
      if (!hypervisor.isOn || this.drivers[index] !== 'namespace') continue;
      const report = await this.agent(index)
        .instance(id)
        .catch(() => null);
      if (report !== null) return report.address;
    }
    const words = ['-4', '-o', 'address', 'show', 'dev', 'eth0', 'scope', 'global'];
    const options = { timeoutMs: 60_000, okCodes: [0, 1] };
    const { stdout } = await this.instance(id).commands.run('ip', words, options);
    return / inet ([0-9.]+)\//.exec(stdout)?.[1] ?? null;
  }

  /** How long an instance may take until it has its lease. */
  get leaseMs(): number {
    return this.drivers.includes('libvirt') ? bootMs : 20_000;
  }

  /** Power off and gone. May be called again. */
  async remove(): Promise<void> {
    for (const bmc of this.bmcs.splice(0)) bmc.close();
    this.#hostAgents.clear();
    for (const hypervisor of this.all) await hypervisor.remove();
  }

  async #namespaceHost(name: string): Promise<Host | null> {
    for (const hypervisor of this.all) {
      if (hypervisor.isOn && (await hypervisor.host.files.exists(`/run/netns/${name}`))) {
        return createNamespaceHost(hypervisor.host, name);
      }
    }
    return null;
  }

  async #locateInstance(id: string): Promise<Host> {
    const { installation, machine } = this.#lab;
    const name = namespaceName(installation, 'i', id);
    const namespace = await this.#namespaceHost(name);
    if (namespace !== null) return namespace;
    const known = this.#consoles.get(id) ?? new SerialConsole(() => this.#serialPath(id));
    this.#consoles.set(id, known);
    return known.host(machine);
  }

  /** Path of an instance's serial console, as the machine sees it. */
  async #serialPath(id: string): Promise<string> {
    // As host-agent/src/drivers/libvirt/machine-names.ts has it.
    const shortId = namespaceName(this.#lab.installation, 'i', id).slice(-8);
    const file = `${this.#lab.run}/machines/i-${shortId}/serial.sock`;
    for (const hypervisor of this.all) {
      if (hypervisor.isOn && (await hypervisor.host.files.exists(file))) return hypervisor.path(file);
    }
    throw new Error(`instance ${id} runs on no hypervisor`);
  }

  /** A Host that finds where its commands run anew for each. */
  #inside(locate: () => Promise<Host>): Host {
    const { machine } = this.#lab;
    return {
      ...machine,
      commands: {
        run: async (file, args, options) => (await locate()).commands.run(file, args, options),
        startDaemon: async (file, args, options) => (await locate()).commands.startDaemon(file, args, options),
        isRunning: (pid, file) => machine.commands.isRunning(pid, file),
        signal: (pid, signal) => machine.commands.signal(pid, signal),
      },
    };
  }
}
