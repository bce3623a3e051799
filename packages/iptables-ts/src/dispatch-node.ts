// The trie beneath DispatchTree: address bits, then protocol, then port bits. Which chains it becomes stands in dispatch.ts.
import { type Ipv4Address, ipv4ToNumber, type PortRange } from '@isthmus/net';
import type { Family, Rule } from './model.ts';
import { OwnEntries } from './own-entries.ts';

/** Which packets an entry is about: one address, and of tcp and udp a range of destination ports (absent: every port). */
export interface DispatchKey {
  /** Absent in a tree that matches no address, and only there. */
  readonly address?: Ipv4Address;
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  /** Only with protocol tcp or udp. */
  readonly ports?: PortRange;
}

/** Where a node's space ends in address bits. Wide at the top (public ranges share it), so that few levels remain for ports. */
const addressLevels = [0, 8, 16, 20, 24, 28, 32];
/** Where a node's space ends in port bits; 0 is the address itself, which holds both protocols. */
const portLevels = [0, 4, 8, 12, 16];

/** The part of the address and port space that a node stands for: numbers are the lowest of the space. */
export interface Space {
  readonly address: number;
  /** Bits of `address` that are fixed. */
  readonly addressBits: number;
  readonly protocol?: 'tcp' | 'udp';
  readonly port: number;
  /** Bits of `port` that are fixed; 0 without protocol. */
  readonly portBits: number;
}

/** Ports as half-open numbers within 0 to 65536. */
interface Ports {
  readonly start: number;
  readonly end: number;
}

/** What a node emits as its own chain. `open`: nothing, its only child stands for it. `none`: nothing reaches it. */
export type NodeKind = 'none' | 'leaf' | 'inner' | 'open';

/** A node of the trie, with what it last emitted. `own`: ids of entries that are kept here and not further below. */
export class DispatchNode {
  readonly space: Space;
  readonly children = new Map<string, DispatchNode>();
  readonly own = new OwnEntries();
  /** Entries here and below; one that lies in two children counts in both. */
  count = 0;
  /** Content below changed since the last emission. */
  dirty = true;
  kind: NodeKind = 'none';
  /** The rules that lead here, once made: from above the address, and from within it. */
  readonly edges: { fromAbove?: Rule<Family>; fromWithin?: Rule<Family> } = {};

  constructor(space: Space) {
    this.space = space;
  }

  /** Children in the order of their space: by protocol, then by number. */
  sortedChildren(): DispatchNode[] {
    const order = ({ space }: DispatchNode) => space.address * 2 + (space.protocol === 'udp' ? 1 : 0);
    return [...this.children.values()].sort((a, b) => order(a) - order(b) || a.space.port - b.space.port);
  }
}

/** The whole address space. */
export const wholeSpace: Space = { address: 0, addressBits: 0, port: 0, portBits: 0 };
/** One address for all: the space of a tree that sorts by protocol and port alone. */
export const portSpace: Space = { ...wholeSpace, addressBits: 32 };

function next(levels: readonly number[], bits: number): number {
  return levels[levels.indexOf(bits) + 1] ?? bits;
}

function lowest(number: number, width: number, bits: number): number {
  const size = 2 ** (width - bits);
  return Math.floor(number / size) * size;
}

function portsOf({ ports }: DispatchKey): Ports {
  // Port 0 is no service's: a range from 1 is taken as one from 0, so that it covers whole nodes.
  return ports === undefined
    ? { start: 0, end: 65536 }
    : { start: ports.first === 1 ? 0 : ports.first, end: ports.last + 1 };
}

/** The spaces among a node's children that a key's ports reach into; empty where the entry is kept at the node itself. */
function portSpaces(space: Space, protocol: 'tcp' | 'udp', ports: Ports): Space[] {
  if (space.portBits === 16) return [];
  const bits = next(portLevels, space.portBits);
  const size = 2 ** (16 - bits);
  const start = Math.max(ports.start, space.port);
  const end = Math.min(ports.end, space.port + 2 ** (16 - space.portBits));
  const first = lowest(start, 16, bits);
  const last = lowest(end - 1, 16, bits);
  const below = (port: number): Space => ({ ...space, protocol, port, portBits: bits });
  if (first === last) return [below(first)];
  const coversAChild = Math.ceil(start / size) * size + size <= end;
  return coversAChild ? [] : [below(first), below(last)];
}

/** The spaces of a node's children that an entry goes down into: one, two where its ports straddle a border, or none. */
function spacesBelow(space: Space, key: DispatchKey, address: number): Space[] {
  if (space.addressBits < 32) {
    const bits = next(addressLevels, space.addressBits);
    return [{ ...space, address: lowest(address, 32, bits), addressBits: bits }];
  }
  return key.protocol === 'tcp' || key.protocol === 'udp' ? portSpaces(space, key.protocol, portsOf(key)) : [];
}

function childKey({ address, protocol, port }: Space): string {
  return `${protocol ?? address}:${port}`;
}

/** Calls `visit` for every node that an entry passes, and for those that keep it with `kept` true. Makes missing nodes. */
export function walk(node: DispatchNode, key: DispatchKey, visit: (node: DispatchNode, kept: boolean) => void): void {
  const address = key.address === undefined ? 0 : ipv4ToNumber(key.address);
  const descend = (current: DispatchNode): void => {
    const below = spacesBelow(current.space, key, address);
    visit(current, below.length === 0);
    for (const space of below) {
      const name = childKey(space);
      let child = current.children.get(name);
      if (child === undefined) {
        child = new DispatchNode(space);
        current.children.set(name, child);
      }
      descend(child);
    }
  };
  descend(node);
}

/** Name of a node's chain after the tree's prefix: at most 16 characters, e.g. `cb007100-24`, `cb00710at1000-12`. */
export function spaceName({ address, addressBits, protocol, port, portBits }: Space): string {
  const network = address.toString(16).padStart(8, '0');
  if (protocol === undefined) return `${network}-${addressBits}`;
  return `${network}${protocol[0]}${port.toString(16).padStart(4, '0')}-${portBits}`;
}
