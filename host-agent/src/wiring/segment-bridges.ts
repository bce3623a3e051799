// The segments' bridges of this host, for whichever driver plugs machines into them.
import type { Segment } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import { KeyedLock } from '../keyed-lock.ts';
import { bridgeOf, ensureBridge, isBridgeWhole, removeAllBridges, removeBridge } from './bridges.ts';
import { InputGuard } from './input-guard.ts';
import type { Link } from './links.ts';

/** Bridges of one installation, each behind the host's guard before it exists. Every call may be repeated. */
export class SegmentBridges {
  readonly #commands: CommandRunner;
  readonly #installation: string;
  readonly #input: InputGuard;
  readonly #turns = new KeyedLock();

  constructor(commands: CommandRunner, installation: string) {
    this.#commands = commands;
    this.#installation = installation;
    this.#input = new InputGuard(commands, installation);
  }

  /** Guards the host from `segments`, whatever was there. Before any other call. */
  async open(segments: readonly Segment[]): Promise<void> {
    await this.#input.load(segments.map((segment) => this.nameOf(segment)));
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
      return ensureBridge(this.#commands, this.#installation, segment);
    });
  }

  /** Removes a segment's bridge unless it is an admin's. No error where it is absent. */
  remove(segment: Segment): Promise<void> {
    const bridge = this.nameOf(segment);
    return this.#turns.run(bridge, async () => {
      await removeBridge(this.#commands, this.#installation, segment);
      await this.#input.remove(bridge);
    });
  }

  /** True where nothing is left for `ensure` to do; `links` is every device of the host by its name. */
  isWhole(links: ReadonlyMap<string, Link>, segment: Segment): boolean {
    return isBridgeWhole(links.get(this.nameOf(segment)), segment);
  }

  /** Mends the host's guard where someone else flushed it. */
  heal(): Promise<void> {
    return this.#input.heal();
  }

  /** Removes every bridge of this installation, known to records or not, and the guard. Its ports must be gone. */
  async removeAll(): Promise<void> {
    await removeAllBridges(this.#commands, this.#installation);
    await this.#input.removeAll();
  }
}
