// What the ports of this host's appliances carry. Which are dark is on disk before it is in force, so that a restart finds it.
import type { ApplianceSpec, Ports } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import { HostAgentError } from './errors.ts';
import { Records } from './records.ts';
import { ApplianceGuard } from './wiring/appliance-security.ts';
import { DarkPorts, forgetLearnt } from './wiring/dark-ports.ts';

/** What was ordered last of an appliance's ports. */
interface Order {
  readonly dark: boolean;
  readonly fencingToken: number;
}

function isOrder(value: unknown): value is Order {
  if (typeof value !== 'object' || value === null) return false;
  return 'dark' in value && typeof value.dark === 'boolean' && 'fencingToken' in value;
}

/** The ports of the appliances of one host: which carry frames, whose, and which are dark. */
export class AppliancePorts {
  readonly #host: Host;
  readonly #installation: string;
  readonly #orders: Records<Order>;
  readonly #dark: DarkPorts;
  readonly #guard: ApplianceGuard;

  constructor({ host, state, installation }: { host: Host; state: string; installation: string }) {
    this.#host = host;
    this.#installation = installation;
    this.#orders = new Records(host.files, `${state}/host-agent/ports`, isOrder);
    this.#dark = new DarkPorts(host.commands, installation);
    this.#guard = new ApplianceGuard(host.commands, installation);
  }

  /** Reads what was ordered and brings it into force for these appliances. Before any of their ports exists. */
  async open(known: readonly { readonly id: string; readonly spec: ApplianceSpec }[]): Promise<void> {
    await this.#orders.load(this.#host.log);
    await this.#dark.load(known.filter(({ id, spec }) => this.isDark(id, spec)).map(({ id }) => id));
    await this.#guard.load(known.map(({ id, spec: { nics } }) => ({ id, nics })));
  }

  /** An order counts for more than the spec, which says how it begins. */
  isDark(id: string, spec: Pick<ApplianceSpec, 'dark'>): boolean {
    return this.#orders.get(id)?.dark ?? spec.dark === true;
  }

  /** Before its ports exist. */
  async prepare(id: string, spec: Pick<ApplianceSpec, 'dark' | 'nics'>): Promise<void> {
    await this.#guard.set({ id, nics: spec.nics });
    if (this.isDark(id, spec)) await this.#dark.set({ darken: [id] });
  }

  /**
   * Lights or darkens an appliance's ports, and changes another one's, `instead`, to the opposite at the same instant.
   * Throws HostAgentError (`conflict`) where a newer token has given an order.
   */
  async order(id: string, { state, fencingToken }: Ports, instead: string | null): Promise<void> {
    const orders = [
      { id, dark: state === 'dark' },
      ...(instead === null ? [] : [{ id: instead, dark: state === 'lit' }]),
    ];
    for (const each of orders) {
      const newest = this.#orders.get(each.id)?.fencingToken ?? 0;
      if (newest <= fencingToken) continue;
      throw new HostAgentError(
        'conflict',
        `appliance ${each.id}: fencingToken ${fencingToken}: expected ${newest} or a newer one`,
      );
    }
    const [darken, light] = [orders.filter(({ dark }) => dark), orders.filter(({ dark }) => !dark)];
    // What is to be dark first: whatever of it is on disk after a crash, two are never lit.
    for (const { id: each, dark } of [...darken, ...light]) await this.#orders.put(each, { dark, fencingToken });
    await this.#dark.set({ darken: darken.map(({ id: each }) => each), light: light.map(({ id: each }) => each) });
    for (const { id: each } of darken) await forgetLearnt(this.#host.commands, this.#installation, each);
  }

  /** When its ports are gone. */
  async forget(id: string): Promise<void> {
    await this.#dark.set({ light: [id] });
    await this.#guard.remove(id);
    await this.#orders.delete(id);
  }

  async heal(): Promise<void> {
    await this.#dark.heal();
    await this.#guard.heal();
  }

  /** When no port is left. */
  async clear(): Promise<void> {
    this.#orders.clear();
    await this.#dark.load([]);
    await this.#guard.load([]);
  }
}
