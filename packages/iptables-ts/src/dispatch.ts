import type { Ipv4Address, PortRange } from '@isthmus/net';
import type { Chain, Rule } from './model.ts';

/** Which packets an entry is about: one address, and of tcp and udp a range of destination ports (absent: every port). */
export interface DispatchKey {
  readonly address: Ipv4Address;
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  readonly ports?: PortRange;
}

/** `chainPrefix`: at most 9 characters, the same for every chain of this tree and no other. */
export interface DispatchOptions {
  readonly chainPrefix: string;
  /** Which address of the packet the keys' address is. */
  readonly match: 'destination' | 'source';
  /** A node with at most so many entries is one chain. Default 16. */
  readonly leafSize?: number;
}

/** Search tree of chains over addresses and ports. */
export class DispatchTree {
  readonly root: string;

  constructor(options: DispatchOptions) {
    this.root = `${options.chainPrefix}root`;
  }

  /** Adds or replaces an entry. The rules carry their own exact matches. */
  put(_id: string, _key: DispatchKey, _rules: readonly Rule[]): void {}

  /** Takes an entry out; an id that is not there is no error. */
  remove(_id: string): void {}

  /** Every chain of the tree; the root is always among them. */
  chains(): ReadonlyMap<string, Chain> {
    return new Map();
  }

  /** Chains that changed since the last call (null: gone). The first call answers with everything. */
  takeChanges(): ReadonlyMap<string, Chain | null> {
    return new Map();
  }
}
