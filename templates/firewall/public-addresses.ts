import type { IpSet } from '@isthmus/iptables-ts';
import { type Ipv4Address, ipv4Network } from '@isthmus/net';

/**
 * The set of the network's public addresses, wherever the document names one: packets to these are decided by the
 * ingress rules, whichever side they come from. Counts who names an address, so that it goes with the last.
 */
export class PublicAddresses {
  /** Name of the set, a `hash:ip`. */
  readonly setName: string;
  readonly #uses = new Map<Ipv4Address, number>();
  readonly #taken = new Map<Ipv4Address, boolean>();

  constructor(namePrefix: string) {
    this.setName = `${namePrefix}own`;
  }

  retain(address: Ipv4Address): void {
    const uses = this.#uses.get(address) ?? 0;
    if (uses === 0 && !this.#taken.has(address)) this.#taken.set(address, false);
    this.#uses.set(address, uses + 1);
  }

  release(address: Ipv4Address): void {
    const uses = this.#uses.get(address) ?? 0;
    if (uses > 1) {
      this.#uses.set(address, uses - 1);
      return;
    }
    if (this.#uses.delete(address) && !this.#taken.has(address)) this.#taken.set(address, true);
  }

  /** The whole set. */
  set(): IpSet {
    const members = [...this.#uses.keys()].sort().map((address) => ipv4Network(address, 32));
    return { name: this.setName, type: 'hash:ip', members };
  }

  /** Addresses that came and went since the last call. */
  takeChanges(): { readonly added: readonly Ipv4Address[]; readonly removed: readonly Ipv4Address[] } {
    const addresses = [...this.#taken];
    this.#taken.clear();
    return {
      added: addresses.filter(([address, was]) => !was && this.#uses.has(address)).map(([address]) => address),
      removed: addresses.filter(([address, was]) => was && !this.#uses.has(address)).map(([address]) => address),
    };
  }
}
