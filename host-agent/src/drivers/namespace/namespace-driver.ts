// The namespace driver: a router or an instance is a network namespace, a NIC a veth pair, a segment a bridge. It makes,
// wires and removes; it knows nothing of routers. Every call may be repeated, and finishes what a killed one began.
import type { InstanceSpec, Nic, Segment } from '@isthmus/contract';
import { createNamespaceHost, type Host } from '@isthmus/host';
import { KeyedLock } from '../../keyed-lock.ts';
import { bridgeOf, ensureBridge, isBridgeWhole, removeAllBridges, removeBridge } from '../../wiring/bridges.ts';
import { InputGuard } from '../../wiring/input-guard.ts';
import { changeLinks, deleteLinks, listLinks } from '../../wiring/links.ts';
import { isNamespaceOf, isPortOf, type NamespaceKind, namespaceName, portName, shortId } from '../../wiring/names.ts';
import { PortGuard } from '../../wiring/port-guard.ts';
import type { GuardedPort } from '../../wiring/port-security.ts';
import {
  deadInstanceDaemons,
  ensureInstanceDaemons,
  type InstancePaths,
  installInstancePrograms,
  leasedAddress,
} from './instance-daemons.ts';
import { ensureNamespace, listNamespaces, removeNamespaces } from './namespaces.ts';
import { ensureNics, type Wiring } from './nics.ts';
import { daemonsWithFilesOf } from './processes.ts';

/** Where the driver's files lie: `state` survives a reboot of the machine, `run` need not. */
export interface DriverPaths {
  readonly state: string;
  readonly run: string;
}

/** An instance as this host has it. */
export interface KnownInstance {
  readonly id: string;
  readonly spec: InstanceSpec;
}

const portsEndWithinMs = 5000;

export class NamespaceDriver {
  readonly #host: Host;
  readonly #installation: string;
  readonly #paths: DriverPaths;
  readonly #guard: PortGuard;
  readonly #input: InputGuard;
  readonly #bridges = new KeyedLock();
  #programs: Promise<void> | null = null;

  constructor(host: Host, installation: string, paths: DriverPaths) {
    this.#host = host;
    this.#installation = installation;
    this.#paths = paths;
    this.#guard = new PortGuard(host.commands, installation);
    this.#input = new InputGuard(host.commands, installation);
  }

  /** Brings port security to exactly the instances that run here, and guards the host from its segments. Before any other call. */
  async open(running: readonly KnownInstance[], segments: readonly Segment[]): Promise<void> {
    await this.#input.load(segments.map((segment) => this.bridgeOf(segment)));
    await this.#guard.load(running.flatMap(({ id, spec }) => this.#guardedPorts('i', id, spec.nics)));
  }

  /** Name of the bridge that carries a segment: two segments with one name would be one network. */
  bridgeOf(segment: Segment): string {
    return bridgeOf(this.#installation, segment);
  }

  removeSegment(segment: Segment): Promise<void> {
    const bridge = this.bridgeOf(segment);
    return this.#bridges.run(bridge, async () => {
      await removeBridge(this.#host.commands, this.#installation, segment);
      await this.#input.remove(bridge);
    });
  }

  /**
   * Makes what is absent of a router's namespace and NICs. `host` is for its agent; `changed` where anything was made.
   * The NICs are left down.
   */
  async ensureRouter(id: string, nics: readonly Nic[]): Promise<{ host: Host; changed: boolean }> {
    const { namespace, changed } = await this.#ensureWired('r', id, nics);
    return { host: createNamespaceHost(this.#host, namespace), changed };
  }

  /** Ends a router's processes and removes its namespace and NICs. */
  async removeRouter(id: string): Promise<void> {
    await this.#removeWired('r', id);
  }

  /** Makes what is absent of an instance's namespace, NICs and daemons. */
  async ensureInstance(id: string, spec: InstanceSpec): Promise<void> {
    // Before the port exists: from its first frame on it may send only what is its own.
    const guarded = Promise.all(this.#guardedPorts('i', id, spec.nics).map((port) => this.#guard.set(port)));
    const { namespace, changed } = await this.#ensureWired('i', id, spec.nics, guarded);
    if (changed) {
      const up = spec.nics.flatMap(({ name }) => [`link set dev ${name} addrgenmode none`, `link set dev ${name} up`]);
      await changeLinks(this.#host.commands, up, namespace);
    }
    await this.#ensurePrograms();
    const inside = createNamespaceHost(this.#host, namespace);
    await ensureInstanceDaemons(this.#host, inside, namespace, spec, this.#instancePaths(id));
  }

  /** Ends an instance's processes and removes its namespace, NICs and files. */
  async removeInstance(id: string): Promise<void> {
    const ports = await this.#removeWired('i', id);
    await Promise.all(ports.map((port) => this.#guard.remove(port)));
    const { run, names } = this.#instancePaths(id);
    await Promise.all([run, names].map((path) => this.#host.files.remove(path)));
  }

  /** Names of the instance's daemons that should run and do not. */
  deadDaemons(id: string, spec: InstanceSpec): Promise<string[]> {
    return deadInstanceDaemons(this.#host, spec, this.#instancePaths(id));
  }

  /** The address that DHCP gave to the instance; null until then. */
  leasedAddress(id: string, spec: InstanceSpec): Promise<string | null> {
    return leasedAddress(this.#host, spec, this.#instancePaths(id));
  }

  /** Ids of those of `machines` whose namespace lost its name, that lack a port, or whose port is not on its bridge. */
  async unwired(kind: NamespaceKind, machines: readonly { id: string; nics: readonly Nic[] }[]): Promise<string[]> {
    const links = new Map((await listLinks(this.#host.commands)).map((link) => [link.name, link]));
    const namespaces = new Set(await this.#host.files.list('/run/netns'));
    const isWired = (id: string, { segment }: Nic, index: number): boolean => {
      const bridge = this.bridgeOf(segment);
      const port = links.get(portName(this.#installation, kind, id, index));
      return port?.up === true && port.bridge === bridge && isBridgeWhole(links.get(bridge), segment);
    };
    const isThere = (id: string) => namespaces.has(namespaceName(this.#installation, kind, id));
    return machines
      .filter(({ id, nics }) => !(isThere(id) && nics.every((nic, index) => isWired(id, nic, index))))
      .map(({ id }) => id);
  }

  /** Mends port security, and the host's guard from guests, where someone else flushed them. */
  async healPacketFilters(): Promise<void> {
    await this.#guard.heal();
    await this.#input.heal();
  }

  /** Removes every namespace, port, bridge, rule and file that this installation has on the host, known to records or not. */
  async removeEverything(): Promise<void> {
    const { commands, files } = this.#host;
    const namespaces = await listNamespaces(commands, this.#installation);
    await removeNamespaces(commands, namespaces);
    for (const pid of daemonsWithFilesOf(this.#paths.state)) commands.signal(pid, 'SIGKILL');
    // Also of namespaces whose name someone removed.
    const named = (await files.list('/etc/netns')).filter((name) => isNamespaceOf(this.#installation, name));
    await Promise.all(named.map((name) => files.remove(`/etc/netns/${name}`)));
    await this.#awaitNoPorts();
    await removeAllBridges(commands, this.#installation);
    await this.#guard.removeAll();
    await this.#input.removeAll();
    await files.remove(`${this.#paths.run}/instances`);
    await files.remove(this.#programsPath());
    this.#programs = null;
  }

  /**
   * The kernel takes the devices of ended namespaces away in its own time, many at once: for 200 in a fifth of the time
   * that it takes one by one. What is left after a while, such as a port whose namespace never was, is removed here.
   */
  async #awaitNoPorts(): Promise<void> {
    const { clock, commands } = this.#host;
    const end = clock.monotonicMs() + portsEndWithinMs;
    for (;;) {
      const names = (await listLinks(commands)).map(({ name }) => name);
      const ports = names.filter((name) => isPortOf(this.#installation, name));
      if (ports.length === 0) return;
      if (clock.monotonicMs() > end) return deleteLinks(commands, ports);
      await clock.sleep(20);
    }
  }

  #programsPath(): string {
    return `${this.#paths.state}/instance-programs`;
  }

  async #ensurePrograms(): Promise<void> {
    this.#programs ??= installInstancePrograms(this.#host, this.#programsPath());
    try {
      await this.#programs;
    } catch (error) {
      this.#programs = null;
      throw error;
    }
  }

  /** `ready` is awaited before any NIC is made. */
  async #ensureWired(kind: NamespaceKind, id: string, nics: readonly Nic[], ready?: Promise<unknown>) {
    const { commands } = this.#host;
    const namespace = namespaceName(this.#installation, kind, id);
    const [links, bridges] = await Promise.all([
      ensureNamespace(commands, namespace),
      Promise.all(nics.map(({ segment }) => this.#ensureSegment(segment))),
      ready,
    ]);
    const wirings = nics.map((nic, index): Wiring => {
      return { nic, port: portName(this.#installation, kind, id, index), bridge: bridges[index] ?? '' };
    });
    return { namespace, changed: await ensureNics(commands, namespace, links, wirings) };
  }

  #ensureSegment(segment: Segment): Promise<string> {
    const bridge = this.bridgeOf(segment);
    return this.#bridges.run(bridge, async () => {
      await this.#input.add(bridge);
      return ensureBridge(this.#host.commands, this.#installation, segment);
    });
  }

  /** Answers with the names of the ports. */
  async #removeWired(kind: NamespaceKind, id: string): Promise<string[]> {
    const ports = Array.from({ length: 8 }, (_, index) => portName(this.#installation, kind, id, index));
    // Not left to the namespace's end, which the kernel reaches some time after its name is gone.
    await deleteLinks(this.#host.commands, ports);
    await removeNamespaces(this.#host.commands, [namespaceName(this.#installation, kind, id)]);
    return ports;
  }

  #guardedPorts(kind: NamespaceKind, id: string, nics: readonly Nic[]): GuardedPort[] {
    return nics.map(({ macAddress, addresses }, index) => ({
      name: portName(this.#installation, kind, id, index),
      macAddress,
      addresses: addresses ?? [],
    }));
  }

  #instancePaths(id: string): InstancePaths {
    return {
      run: `${this.#paths.run}/instances/${shortId(id)}`,
      shared: this.#programsPath(),
      names: `/etc/netns/${namespaceName(this.#installation, 'i', id)}`,
    };
  }
}
