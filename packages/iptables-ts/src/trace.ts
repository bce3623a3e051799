import type { InterfaceName, Ipv4Address } from '@isthmus/net';
import type { IpSet, Rule, RuleSet, TableName } from './model.ts';

/** A packet on its way into the router, or out of it where `inInterface` is absent. */
export interface Packet {
  readonly inInterface?: InterfaceName;
  readonly source: Ipv4Address;
  readonly destination: Ipv4Address;
  readonly protocol: 'tcp' | 'udp' | 'icmp';
  /** tcp and udp. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** icmp; default echo request. */
  readonly icmp?: { readonly type: number; readonly code: number };
  /** What conntrack knows of it. Default: NEW. */
  readonly conntrack?: Conntrack;
}

/** The connection that a packet belongs to. */
export interface Conntrack {
  readonly state: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';
  /** Destination of the connection's first packet before DNAT; default: the packet's own destination. */
  readonly originalDestination?: Ipv4Address;
  /** Where conntrack sends this packet of a connection that is not NEW (the nat table is not asked). */
  readonly destinationNat?: { readonly address: Ipv4Address; readonly port?: number };
  readonly sourceNat?: { readonly address: Ipv4Address; readonly port?: number };
  /** The connection's states DNAT and SNAT; default: whether destinationNat and sourceNat are there. */
  readonly translated?: { readonly destination?: boolean; readonly source?: boolean };
}

/** Where a destination lies: `local` is the router itself. */
export type Route = (destination: Ipv4Address) => 'local' | 'unreachable' | { readonly outInterface: InterfaceName };

export interface TraceInput {
  readonly ruleSet: RuleSet;
  readonly sets?: readonly IpSet[];
  readonly packet: Packet;
  readonly route: Route;
  /** Address that MASQUERADE writes, by out interface. */
  readonly masqueradeAddress?: (outInterface: InterfaceName) => Ipv4Address;
}

/** One rule that was looked at, in order. */
export interface TraceStep {
  readonly table: TableName;
  readonly chain: string;
  readonly index: number;
  readonly matched: boolean;
}

export type Decision =
  | { readonly table: TableName; readonly chain: string; readonly index: number; readonly rule: Rule }
  | { readonly table: TableName; readonly chain: string; readonly policy: 'ACCEPT' | 'DROP' }
  | { readonly noRoute: true };

export interface TraceResult {
  readonly verdict: 'ACCEPT' | 'DROP' | 'REJECT';
  readonly decidedBy: Decision;
  /** The packet as it leaves (or reaches the router itself), after NAT. */
  readonly packet: Packet & { readonly outInterface?: InterfaceName };
  readonly steps: readonly TraceStep[];
}

/** Says which rule decides a packet. */
export function tracePacket(_input: TraceInput): TraceResult {
  throw new Error('not yet');
}
