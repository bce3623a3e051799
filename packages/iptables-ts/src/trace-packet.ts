import type { InterfaceName, Ipv4Address } from '@isthmus/net';

/** A packet on its way into the router, or out of it where `inInterface` is absent. */
export interface Packet {
  readonly inInterface?: InterfaceName;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  /** tcp and udp. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** icmp; default echo request (type 8, code 0). */
  readonly icmp?: { readonly type: number; readonly code: number };
  /** What conntrack knows of it. Default: the first packet of a new connection. */
  readonly conntrack?: Conntrack;
}

/** The connection that a packet belongs to. */
export interface Conntrack {
  readonly state: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';
  /** Source of the connection's first packet before SNAT; default: the packet's own source. */
  readonly originalSource?: Ipv4Address;
  /** Destination of the connection's first packet before DNAT; default: the packet's own destination. */
  readonly originalDestination?: Ipv4Address;
  /** Where conntrack sends this packet of a connection that is not NEW (the nat table is not asked). */
  readonly destinationNat?: { readonly address: Ipv4Address; readonly port?: number };
  readonly sourceNat?: { readonly address: Ipv4Address; readonly port?: number };
  /** The connection's states DNAT and SNAT; default: whether destinationNat and sourceNat are there. */
  readonly translated?: { readonly destination?: boolean; readonly source?: boolean };
}

/** A packet on its way: its connection is known, and after the routing decision its way out. */
export type TracedPacket = Packet & { readonly conntrack: Conntrack; readonly outInterface?: InterfaceName };
