// The segments' bridges of this host, for whichever driver plugs machines into them.
import type { Segment } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import type { Ipv4Address } from '@isthmus/net';
import { KeyedLock } from '../keyed-lock.ts';
import {
  bridgeOf,
  ensureBridge,
  ensureControlBridge,
  isBridgeWhole,
  isUpWith,
  removeAllBridges,
  removeBridge,
} from './bridges.ts';
import { InputGuard } from './input-guard.ts';
import { findLink, type Link, listLinks } from './links.ts';
import type { Tunnels } from './tunnels.ts';

/** Bridges of one installation, each behind the host's guard before it exists. Every call may be repeated. */
export class SegmentBridges {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  readonly #input: InputGuard;
  readonly #tunnels: Tunnels | null;
  readonly #turns = new KeyedLock();

  /** With `tunnels`, which are open, guest segments span the zone's hosts. */
  constructor(commands: CommandRunner, installation: string, tunnels: Tunnels | null = null) {
    this.#commands = commands;
    this.#tunnels = tunnels;
    this.#installation = installation;
    this.#input = new InputGuard(commands, installation);
  }

  /**
   * Guards the host from `segments` and the bridges `others`, whatever was there. Before any other call. `door`: the host's
   * address on the control network, where it has one.
   */
  async open(
    segments: readonly Segment[],
    others: readonly string[] = [],
    door: Ipv4Address | null = null,
  ): Promise<void> {
    await this.#input.load([...segments.map((segment) => this.nameOf(segment)), ...others], door);
  }

  /** Name of the bridge that carries a segment: two segments with one name would be one network. */
  nameOf(segment: Segment): string {
    return bridgeOf(this.#installation, segment);
  }

  /** Makes what is absent of a segment's bridge and answers with its name. */
  ensure(segment: Segment): Promise<string> {
    const bridge = this.nameOf(segment);
    return this.#turns.run(bridge, async () => {
      await this.#input.add(bridge);
      await ensureBridge(this.#commands, this.#installation, segment);
      if (segment.kind === 'guest') await this.#tunnels?.span({ vni: segment.vni, bridge });
      return bridge;
    });
  }

  /** MTU that a NIC on the segment is to have, so that its frames fit wherever the segment goes; null: the usual one. */
  mtuOf(segment: Segment): number | null {
    return segment.kind === 'guest' ? (this.#tunnels?.guestMtu ?? null) : null;
  }

  /** Removes a segment's bridge unless it is an admin's. No error where it is absent. */
  remove(segment: Segment): Promise<void> {
    const bridge = this.nameOf(segment);
    return this.#turns.run(bridge, async () => {
      if (segment.kind === 'guest') await this.#tunnels?.remove(segment.vni);
      await removeBridge(this.#commands, this.#installation, segment);
      await this.#input.remove(bridge);
    });
  }

  /** Makes what is absent of the control network's bridge, on which the host has `address`. */
  ensureControl(bridge: string, address: Ipv4Address, prefixLength: number): Promise<void> {
    return this.#turns.run(bridge, async () => {
      await this.#input.add(bridge, address);
      await ensureControlBridge(this.#commands, bridge, `${address}/${prefixLength}`);
    });
  }

  /** True where nothing is left for `ensureControl` to do. */
  async isControlWhole(bridge: string, address: Ipv4Address): Promise<boolean> {
    return isUpWith((await findLink(this.#commands, bridge)) ?? undefined, address);
  }

  /** True where nothing is left for `ensure` to do; `links` is every device of the host by its name. */
  isWhole(links: ReadonlyMap<string, Link>, segment: Segment): boolean {
    return isBridgeWhole(links.get(this.nameOf(segment)), segment);
  }

  /** Mends the host's guard where someone else flushed it, and the tunnels of bridges that are there. */
  async heal(): Promise<void> {
    await this.#input.heal();
    if (this.#tunnels === null) return;
    const links = new Set((await listLinks(this.#commands)).map(({ name }) => name));
    await this.#tunnels.heal((bridge) => links.has(bridge));
  }

  /** Removes every bridge of this installation, known to records or not, and the guard. Its ports must be gone. */
  async removeAll(): Promise<void> {
    await this.#tunnels?.removeAll();
    await removeAllBridges(this.#commands, this.#installation);
    await this.#input.removeAll();
  }
}
