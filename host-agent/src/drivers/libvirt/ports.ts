// The ports of this host's VMs: their bridges, their taps, and port security before either carries a frame.
import type { Nic } from '@isthmus/contract';
import type { Link } from '../../wiring/links.ts';
import { deleteLinks, listLinks } from '../../wiring/links.ts';
import { controlBridgeName, controlPortName, isPortOf, portName } from '../../wiring/names.ts';
import { PortGuard } from '../../wiring/port-guard.ts';
import type { GuardedPort } from '../../wiring/port-security.ts';
import type { ApplianceExtras, DriverContext } from '../driver.ts';
import type { DomainNic } from './domain.ts';
import type { MachineKind } from './machine-names.ts';
import { assignPorts, ensureTaps, isTapWhole, type Tap } from './taps.ts';

/** A VM as its ports see it. */
export interface WiredMachine {
  readonly kind: MachineKind;
  readonly id: string;
  readonly nics: readonly Nic[];
  readonly control?: Pick<ApplianceExtras, 'control' | 'controlBridge'>;
}

function byName(links: readonly Link[]): Map<string, Link> {
  return new Map(links.map((link) => [link.name, link]));
}

export class Ports {
  readonly #context: DriverContext;
  readonly #guard: PortGuard;

  constructor(context: DriverContext) {
    this.#context = context;
    this.#guard = new PortGuard(context.host.commands, context.installation);
  }

  /** Brings port security to exactly these machines. Before any other call. */
  async open(instances: readonly WiredMachine[]): Promise<void> {
    const links = await this.#links();
    await this.#guard.load(instances.flatMap((machine) => this.#guardedPorts(machine, links)));
  }

  /**
   * Makes what is absent of a machine's bridges and taps. `nics` is every NIC with its port, the control NIC second, as
   * images expect it; `loose` names the ports that no VM holds.
   */
  async ensure(machine: WiredMachine): Promise<{ nics: DomainNic[]; loose: ReadonlySet<string> }> {
    const { bridges, host } = this.#context;
    const links = await this.#links();
    const ports = this.#portsOf(machine, links);
    // Before a port exists: from its first frame on it may send only what is its own.
    const guarded = this.#guardedPorts(machine, links).map((port) => this.#guard.set(port));
    const [names] = await Promise.all([
      Promise.all(machine.nics.map(({ segment }) => bridges.ensure(segment))),
      Promise.all(guarded),
    ]);
    const taps = machine.nics.map(({ macAddress }, index): Tap => {
      return { port: ports[index] ?? '', macAddress, bridge: names[index] ?? '', isolated: false };
    });
    const [first, ...rest] = taps;
    const all = [...(first ? [first] : []), ...this.#controlTaps(machine), ...rest];
    const there = byName(links);
    const made = await ensureTaps(host.commands, all, there);
    const loose = all.filter(({ port }) => made.includes(port) || there.get(port)?.carrier !== true);
    const mtus = new Map(machine.nics.map(({ segment }, index) => [ports[index], bridges.mtuOf(segment)]));
    const domainNic = ({ port, macAddress }: Tap): DomainNic => {
      const mtu = mtus.get(port) ?? null;
      return mtu === null ? { port, macAddress } : { port, macAddress, mtu };
    };
    return {
      nics: all.map(domainNic),
      loose: new Set(loose.map(({ port }) => port)),
    };
  }

  /** Removes the ports of a machine besides `kept`, and what guards them. */
  async removeOthers({ kind, id }: Pick<WiredMachine, 'kind' | 'id'>, kept: readonly string[]): Promise<void> {
    const { host, installation } = this.#context;
    const slots = Array.from({ length: 8 }, (_, index) => portName(installation, kind, id, index));
    const all = kind === 'r' ? [...slots, controlPortName(installation, id)] : slots;
    const there = byName(await this.#links());
    const gone = all.filter((name) => !kept.includes(name));
    await deleteLinks(
      host.commands,
      gone.filter((name) => there.has(name)),
    );
    if (kind === 'i') await Promise.all(gone.map((name) => this.#guard.remove(name)));
  }

  /** Ids of the machines that lack a port, or whose port is on another bridge, down, or let go of by its VM. */
  async unwired(machines: readonly WiredMachine[]): Promise<string[]> {
    const { bridges, installation } = this.#context;
    const links = await this.#links();
    const there = byName(links);
    const isHeld = (port: string) => there.get(port)?.carrier === true;
    const isWired = (machine: WiredMachine): boolean => {
      const ports = this.#portsOf(machine, links);
      const areNicsWired = machine.nics.every(({ macAddress, segment }, index) => {
        const port = ports[index] ?? '';
        const tap = { port, macAddress, bridge: bridges.nameOf(segment), isolated: false };
        return isHeld(port) && isTapWhole(there.get(port), tap) && bridges.isWhole(there, segment);
      });
      if (!areNicsWired || machine.kind === 'i') return areNicsWired;
      const port = controlPortName(installation, machine.id);
      return isHeld(port) && there.get(port)?.bridge === controlBridgeName(installation);
    };
    return machines.filter((machine) => !isWired(machine)).map(({ id }) => id);
  }

  heal(): Promise<void> {
    return this.#guard.heal();
  }

  /** Removes every port of this installation, known or not, and port security. */
  async removeEverything(): Promise<void> {
    const { host, installation } = this.#context;
    const ports = (await this.#links()).map(({ name }) => name).filter((name) => isPortOf(installation, name));
    await deleteLinks(host.commands, ports);
    await this.#guard.removeAll();
  }

  #links(): Promise<Link[]> {
    return listLinks(this.#context.host.commands);
  }

  #portsOf({ kind, id, nics }: WiredMachine, links: readonly Link[]): string[] {
    return assignPorts(this.#context.installation, kind, id, nics, links);
  }

  #controlTaps({ id, control }: WiredMachine): Tap[] {
    if (control === undefined) return [];
    const port = controlPortName(this.#context.installation, id);
    return [{ port, macAddress: control.control.macAddress, bridge: control.controlBridge, isolated: true }];
  }

  #guardedPorts(machine: WiredMachine, links: readonly Link[]): GuardedPort[] {
    if (machine.kind === 'r') return [];
    const ports = this.#portsOf(machine, links);
    return machine.nics.map(({ macAddress, addresses, ipv6Addresses }, index) => ({
      name: ports[index] ?? '',
      macAddress,
      addresses: addresses ?? [],
      ...(ipv6Addresses === undefined ? {} : { ipv6Addresses }),
    }));
  }
}
