import type { LoadBalancerRule, PortForward, StaticNat } from '@isthmus/contract';
import { type Ipv4Address, type PortRange, portRange, portRangesOverlap } from '@isthmus/net';

/** What a port forward, or a load balancer, takes of a public address. */
export type ForwardClaim = Pick<PortForward, 'publicAddress' | 'protocol' | 'publicPorts'>;

/** What a load balancer takes of its public address, as a port forward would. */
export function claimOf({ publicAddress, publicPort, protocol }: LoadBalancerRule): ForwardClaim {
  return { publicAddress, protocol: protocol === 'udp' ? 'udp' : 'tcp', publicPorts: portRange(publicPort) };
}

/** One port forward's ports on its public address. */
interface Slot {
  readonly id: string;
  readonly ports: PortRange;
}

function add<Key>(map: Map<Key, Set<string>>, key: Key, id: string): void {
  const ids = map.get(key) ?? new Set<string>();
  map.set(key, ids.add(id));
}

function drop<Key>(map: Map<Key, Set<string>>, key: Key, id: string): void {
  const ids = map.get(key);
  ids?.delete(id);
  if (ids?.size === 0) map.delete(key);
}

/** Position of the first slot that begins at `first` or after it. */
function positionOf(slots: readonly Slot[], first: number): number {
  let low = 0;
  let high = slots.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((slots[middle]?.ports.first ?? first) < first) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Which public ports and addresses are taken by which entry, so that a contradiction is found at the cost of the change.
 * Forwards in it do not overlap, save where they are about to be refused.
 */
export class NatIndex {
  readonly #slots = new Map<string, Slot[]>();
  readonly #forwards = new Map<Ipv4Address, Set<string>>();
  readonly #staticByPublic = new Map<Ipv4Address, Set<string>>();
  readonly #staticByPrivate = new Map<Ipv4Address, Set<string>>();

  putForward(id: string, { publicAddress, protocol, publicPorts }: ForwardClaim): void {
    const key = `${publicAddress} ${protocol}`;
    const slots = this.#slots.get(key) ?? [];
    slots.splice(positionOf(slots, publicPorts.first), 0, { id, ports: publicPorts });
    this.#slots.set(key, slots);
    add(this.#forwards, publicAddress, id);
  }

  removeForward(id: string, { publicAddress, protocol, publicPorts }: ForwardClaim): void {
    const key = `${publicAddress} ${protocol}`;
    const slots = this.#slots.get(key) ?? [];
    const from = positionOf(slots, publicPorts.first);
    const index = slots.findIndex((slot, at) => at >= from && slot.id === id);
    if (index >= 0) slots.splice(index, 1);
    if (slots.length === 0) this.#slots.delete(key);
    drop(this.#forwards, publicAddress, id);
  }

  putStatic(id: string, { publicAddress, privateAddress }: StaticNat): void {
    add(this.#staticByPublic, publicAddress, id);
    add(this.#staticByPrivate, privateAddress, id);
  }

  removeStatic(id: string, { publicAddress, privateAddress }: StaticNat): void {
    drop(this.#staticByPublic, publicAddress, id);
    drop(this.#staticByPrivate, privateAddress, id);
  }

  /** Ids of forwards of the same address and protocol whose public ports overlap. */
  overlapping({ publicAddress, protocol, publicPorts }: ForwardClaim): string[] {
    const slots = this.#slots.get(`${publicAddress} ${protocol}`) ?? [];
    const found: string[] = [];
    // Slots do not overlap each other, so of those that begin earlier only the nearest can reach in.
    for (let at = Math.max(0, positionOf(slots, publicPorts.first) - 1); at < slots.length; at += 1) {
      const slot = slots[at];
      if (slot === undefined || slot.ports.first > publicPorts.last) break;
      if (portRangesOverlap(slot.ports, publicPorts)) found.push(slot.id);
    }
    return found;
  }

  /** Ids of forwards of a public address. */
  forwardsOf(publicAddress: Ipv4Address): ReadonlySet<string> {
    return this.#forwards.get(publicAddress) ?? new Set();
  }

  /** Ids of static NATs of a public address. */
  staticsOf(publicAddress: Ipv4Address): ReadonlySet<string> {
    return this.#staticByPublic.get(publicAddress) ?? new Set();
  }

  /** Ids of static NATs of a guest. */
  staticsOfGuest(privateAddress: Ipv4Address): ReadonlySet<string> {
    return this.#staticByPrivate.get(privateAddress) ?? new Set();
  }
}
