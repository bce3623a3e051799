// The tunnels of this host to the zone's others: which peers there are, remembered on disk, and what follows from them.
import { TunnelsSchema, validator } from '@isthmus/contract';
import type { Host } from '@isthmus/host';
import type { Ipv4Address } from '@isthmus/net';
import { KeyedLock } from '../keyed-lock.ts';
import { Records } from '../records.ts';
import { ensureTunnelGuard, healTunnelGuard, removeTunnelGuard } from './tunnel-guard.ts';
import {
  ensureVxlans,
  guestMtuOver,
  removeAllVxlans,
  removeVxlan,
  type Span,
  type Spanned,
  underlayMtu,
} from './vxlan.ts';

const tunnelsValidator = validator(TunnelsSchema);

/** What tunnels are made with. `state` is absolute; `address` is an address of this host. */
export interface TunnelsContext {
  readonly host: Host;
  readonly installation: string;
  readonly state: string;
  readonly address: Ipv4Address;
}

export class Tunnels {
  readonly address: Ipv4Address;
  readonly #context: TunnelsContext;
  readonly #records: Records<{ peers: Ipv4Address[] }>;
  readonly #spanned = new Map<number, Spanned>();
  readonly #turns = new KeyedLock();
  #guestMtu = 0;
  #isGuarded = false;

  constructor(context: TunnelsContext) {
    const { host, state, address } = context;
    this.#context = context;
    this.address = address;
    this.#records = new Records(host.files, `${state}/host-agent/tunnels`, (value) => tunnelsValidator.check(value));
  }

  /** Reads the peers and guards the host. Before any other call. Throws HostAgentError where the host lacks the address. */
  async open(): Promise<void> {
    const { host } = this.#context;
    await this.#records.load(host.log);
    this.#guestMtu = guestMtuOver(await underlayMtu(host.commands, this.address));
    await this.#guard();
  }

  /** MTU of NICs on guest segments, so that what they send fits the tunnels. */
  get guestMtu(): number {
    return this.#guestMtu;
  }

  /** Other hosts' tunnel addresses, from now on and after a restart. This host's own is passed over. */
  setPeers(peers: readonly Ipv4Address[]): Promise<void> {
    return this.#turns.run('tunnels', async () => {
      const { host } = this.#context;
      await this.#records.put('peers', { peers: [...new Set(peers)].filter((peer) => peer !== this.address).sort() });
      await this.#guard();
      await ensureVxlans(host.commands, this.#span(), [...this.#spanned.values()]);
    });
  }

  /** Spans a guest segment whose bridge is there. */
  span(segment: Spanned): Promise<void> {
    return this.#turns.run('tunnels', async () => {
      if (!this.#isGuarded) await this.#guard();
      this.#spanned.set(segment.vni, segment);
      await ensureVxlans(this.#context.host.commands, this.#span(), [segment]);
    });
  }

  /** To be called before the segment's bridge is removed. */
  remove(vni: number): Promise<void> {
    return this.#turns.run('tunnels', async () => {
      this.#spanned.delete(vni);
      await removeVxlan(this.#context.host.commands, this.#context.installation, vni);
    });
  }

  /** Makes again what someone else removed; `isThere` tells whether a bridge is there to join. */
  heal(isThere: (bridge: string) => boolean): Promise<void> {
    return this.#turns.run('tunnels', async () => {
      const { host, installation } = this.#context;
      if (this.#isGuarded) await healTunnelGuard(host.commands, installation, this.address);
      const segments = [...this.#spanned.values()].filter(({ bridge }) => isThere(bridge));
      await ensureVxlans(host.commands, this.#span(), segments);
    });
  }

  /** Removes every VXLAN device of the installation, and the guard with its peers. */
  removeAll(): Promise<void> {
    return this.#turns.run('tunnels', async () => {
      this.#spanned.clear();
      this.#records.clear();
      this.#isGuarded = false;
      await removeAllVxlans(this.#context.host.commands, this.#context.installation);
      await removeTunnelGuard(this.#context.host.commands, this.#context.installation);
    });
  }

  async #guard(): Promise<void> {
    const { host, installation } = this.#context;
    await ensureTunnelGuard(host.commands, installation, this.address, this.#peers());
    this.#isGuarded = true;
  }

  #peers(): readonly Ipv4Address[] {
    return this.#records.get('peers')?.peers ?? [];
  }

  #span(): Span {
    const { installation } = this.#context;
    return { installation, local: this.address, mtu: this.#guestMtu, peers: this.#peers() };
  }
}
