// The namespace driver: a router or an instance is a network namespace, a NIC a veth pair, a segment a bridge. It makes,
// wires and removes; it knows nothing of routers. Every call may be repeated, and finishes what a killed one began.
import { type ControlNic, controlInterface, type InstanceSpec, type Nic } from '@isthmus/contract';
import { createNamespaceHost, type Host } from '@isthmus/host';
import { parseInterfaceName } from '@isthmus/net';
import { forEachLimited } from '../../keyed-lock.ts';
import { changeLinks, deleteLinks, listLinks } from '../../wiring/links.ts';
import {
  controlBridgeName,
  controlPortName,
  isNamespaceOf,
  isPortOf,
  type NamespaceKind,
  namespaceName,
  portName,
  shortId,
} from '../../wiring/names.ts';
import { PortGuard } from '../../wiring/port-guard.ts';
import type { GuardedPort } from '../../wiring/port-security.ts';
import type { SegmentBridges } from '../../wiring/segment-bridges.ts';
import type { Driver, DriverContext } from '../driver.ts';
import {
  areInstanceDaemonsAlive,
  ensureInstanceDaemons,
  type InstancePaths,
  installInstancePrograms,
  leasedAddress,
} from './instance-daemons.ts';
import { ensureNamespace, listNamespaces, removeNamespaces } from './namespaces.ts';
import { ensureNics, type Wiring } from './nics.ts';
import { daemonsWithFilesOf } from './processes.ts';

const portsEndWithinMs = 5000;

const checkedAtOnce = 4;

/** A machine as its ports see it. */
interface Wired {
  readonly id: string;
  readonly nics: readonly Nic[];
}

/** The control NIC of an appliance and the bridge of the control network, which is there. */
export interface ControlPlug {
  readonly nic: ControlNic;
  readonly bridge: string;
}

/** Where an appliance is: `host` runs its commands there, `namespace` is its name. */
export interface ApplianceNamespace {
  readonly host: Host;
  readonly namespace: string;
  /** True where anything of it was made. */
  readonly changed: boolean;
}

/** What the wiring of a machine takes besides its NICs. `ready` is awaited before any NIC is made. */
interface WiringExtras {
  readonly ready?: Promise<unknown>;
  readonly control?: ControlPlug | undefined;
}

/** A namespace begins without IPv6. Guests of a network that has it learn their addresses from router advertisements. */
async function enableIpv6({ commands }: Host, nics: readonly Nic[]): Promise<void> {
  const named = nics.filter(({ ipv6Addresses = [] }) => ipv6Addresses.length > 0);
  if (named.length === 0) return;
  await commands.run('sysctl', ['-qw', ...named.map(({ name }) => `net.ipv6.conf.${name}.disable_ipv6=0`)]);
}

/** Whether `longer` is the same instance with the same NICs, and perhaps further ones; addresses may differ. */
function isLonger(shorter: InstanceSpec, longer: InstanceSpec): boolean {
  const isSame = (nic: Nic, other: Nic | undefined) =>
    nic.name === other?.name &&
    nic.macAddress === other.macAddress &&
    JSON.stringify(nic.segment) === JSON.stringify(other.segment);
  return shorter.hostname === longer.hostname && shorter.nics.every((nic, index) => isSame(nic, longer.nics[index]));
}

export class NamespaceDriver implements Driver {
  readonly name = 'namespace';
  readonly #host: Host;
  readonly #installation: string;
  readonly #paths: Pick<DriverContext, 'state' | 'run'>;
  readonly #guard: PortGuard;
  readonly #bridges: SegmentBridges;
  #programs: Promise<void> | null = null;

  constructor({ host, installation, state, run, bridges }: DriverContext) {
    this.#host = host;
    this.#installation = installation;
    this.#paths = { state, run };
    this.#guard = new PortGuard(host.commands, installation);
    this.#bridges = bridges;
  }

  async open({ instances }: Parameters<Driver['open']>[0]): Promise<void> {
    await this.#guard.load(instances.flatMap(({ id, spec }) => this.#guardedPorts('i', id, spec.nics)));
  }

  /**
   * Makes what is absent of an appliance's namespace and NICs, and of its control NIC where it has one. `host` is for its
   * agent; `changed` where anything was made. The NICs are left down.
   */
  async ensureAppliance(id: string, nics: readonly Nic[], control?: ControlPlug): Promise<ApplianceNamespace> {
    const { namespace, changed } = await this.#ensureWired('r', id, nics, { control });
    return { host: createNamespaceHost(this.#host, namespace), namespace, changed };
  }

  /** Ends an appliance's processes and removes its namespace and NICs. */
  async removeAppliance(id: string): Promise<void> {
    await this.#removeWired('r', id);
  }

  /** Of appliances with a control NIC, those whose port of the control network is absent or not as it should be. */
  async withoutControl(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const links = new Map((await listLinks(this.#host.commands)).map((link) => [link.name, link]));
    const bridge = controlBridgeName(this.#installation);
    return ids.filter((id) => {
      const port = links.get(controlPortName(this.#installation, id));
      return port?.up !== true || port.bridge !== bridge;
    });
  }

  async ensureInstance(id: string, spec: InstanceSpec): Promise<void> {
    // Before the port exists: from its first frame on it may send only what is its own.
    const guarded = Promise.all(this.#guardedPorts('i', id, spec.nics).map((port) => this.#guard.set(port)));
    const { namespace, changed } = await this.#ensureWired('i', id, spec.nics, { ready: guarded });
    const inside = createNamespaceHost(this.#host, namespace);
    if (changed) {
      const up = spec.nics.flatMap(({ name, ipv6Addresses = [] }) => [
        `link set dev ${name} addrgenmode ${ipv6Addresses.length > 0 ? 'eui64' : 'none'}`,
        `link set dev ${name} up`,
      ]);
      await changeLinks(this.#host.commands, up, namespace);
      await enableIpv6(inside, spec.nics);
    }
    await this.#ensurePrograms();
    await ensureInstanceDaemons(this.#host, inside, namespace, spec, this.#instancePaths(id));
  }

  /**
   * NICs and addresses come and go at the end of an instance that runs: `ensureInstance`, which is next, makes them. With
   * another name or order it is another instance; it holds nothing that would be lost.
   */
  async changeInstance(id: string, before: InstanceSpec, after: InstanceSpec): Promise<void> {
    if (!isLonger(before, after) && !isLonger(after, before)) return this.removeInstance(id);
    const gone = before.nics.slice(after.nics.length).map((_, index) => after.nics.length + index);
    const ports = gone.map((index) => portName(this.#installation, 'i', id, index));
    await deleteLinks(this.#host.commands, ports);
    await Promise.all(ports.map((port) => this.#guard.remove(port)));
  }

  haltInstance(id: string): Promise<void> {
    return this.removeInstance(id);
  }

  /** Ends an instance's processes and removes its namespace, NICs and files. */
  async removeInstance(id: string): Promise<void> {
    const ports = await this.#removeWired('i', id);
    await Promise.all(ports.map((port) => this.#guard.remove(port)));
    const { run, names } = this.#instancePaths(id);
    await Promise.all([run, names].map((path) => this.#host.files.remove(path)));
  }

  leasedAddress(id: string, spec: InstanceSpec): Promise<string | null> {
    return leasedAddress(this.#host, spec, this.#instancePaths(id));
  }

  async broken(kind: 'appliance' | 'instance', machines: readonly Wired[]): Promise<string[]> {
    const unwired = await this.#unwired(kind === 'appliance' ? 'r' : 'i', machines);
    if (kind === 'appliance') return unwired;
    const broken = new Set(unwired);
    const whole = machines.filter(({ id }) => !broken.has(id));
    await forEachLimited(whole, checkedAtOnce, async ({ id, nics }) => {
      if (!(await areInstanceDaemonsAlive(this.#host, nics, this.#instancePaths(id)))) broken.add(id);
    });
    return [...broken];
  }

  /** A namespace has no console. */
  async serialTail(): Promise<string> {
    return '';
  }

  healPacketFilters(): Promise<void> {
    return this.#guard.heal();
  }

  async removeEverything(): Promise<void> {
    const { commands, files } = this.#host;
    const namespaces = await listNamespaces(commands, this.#installation);
    await removeNamespaces(commands, namespaces);
    for (const pid of daemonsWithFilesOf(this.#paths.state)) commands.signal(pid, 'SIGKILL');
    // Also of namespaces whose name someone removed.
    const named = (await files.list('/etc/netns')).filter((name) => isNamespaceOf(this.#installation, name));
    await Promise.all(named.map((name) => files.remove(`/etc/netns/${name}`)));
    await this.#awaitNoPorts();
    await this.#guard.removeAll();
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

  /** Ids of those whose namespace lost its name, that lack a port, or whose port is not on its bridge. */
  async #unwired(kind: NamespaceKind, machines: readonly Wired[]): Promise<string[]> {
    const links = new Map((await listLinks(this.#host.commands)).map((link) => [link.name, link]));
    const namespaces = new Set(await this.#host.files.list('/run/netns'));
    const isWired = (id: string, { segment }: Nic, index: number): boolean => {
      const port = links.get(portName(this.#installation, kind, id, index));
      const isPlugged = port?.up === true && port.bridge === this.#bridges.nameOf(segment);
      return isPlugged && this.#bridges.isWhole(links, segment);
    };
    const isThere = (id: string) => namespaces.has(namespaceName(this.#installation, kind, id));
    return machines
      .filter(({ id, nics }) => !(isThere(id) && nics.every((nic, index) => isWired(id, nic, index))))
      .map(({ id }) => id);
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

  async #ensureWired(kind: NamespaceKind, id: string, nics: readonly Nic[], { ready, control }: WiringExtras = {}) {
    const { commands } = this.#host;
    const namespace = namespaceName(this.#installation, kind, id);
    const [links, bridges] = await Promise.all([
      ensureNamespace(commands, namespace),
      Promise.all(nics.map(({ segment }) => this.#bridges.ensure(segment))),
      ready,
    ]);
    const wirings = nics.map((nic, index): Wiring => {
      const port = portName(this.#installation, kind, id, index);
      return { nic, port, bridge: bridges[index] ?? '', mtu: this.#bridges.mtuOf(nic.segment) };
    });
    if (control !== undefined) {
      const { nic, bridge } = control;
      const port = controlPortName(this.#installation, id);
      const named = { name: parseInterfaceName(controlInterface), macAddress: nic.macAddress };
      wirings.push({ nic: named, port, bridge, mtu: null, isolated: true });
    }
    return { namespace, changed: await ensureNics(commands, namespace, links, wirings) };
  }

  /** Answers with the names of the ports. */
  async #removeWired(kind: NamespaceKind, id: string): Promise<string[]> {
    const slots = Array.from({ length: 8 }, (_, index) => portName(this.#installation, kind, id, index));
    const ports = kind === 'r' ? [...slots, controlPortName(this.#installation, id)] : slots;
    // Not left to the namespace's end, which the kernel reaches some time after its name is gone.
    await deleteLinks(this.#host.commands, ports);
    await removeNamespaces(this.#host.commands, [namespaceName(this.#installation, kind, id)]);
    return ports;
  }

  #guardedPorts(kind: NamespaceKind, id: string, nics: readonly Nic[]): GuardedPort[] {
    return nics.map(({ macAddress, addresses, ipv6Addresses }, index) => ({
      name: portName(this.#installation, kind, id, index),
      macAddress,
      addresses: addresses ?? [],
      ...(ipv6Addresses === undefined ? {} : { ipv6Addresses }),
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
