// Tables, chains, rules and sets as data. Text is made and read elsewhere (render.ts, parse.ts).
import type { InterfaceName, Ipv4Address, Ipv4Cidr, PortRange } from '@isthmus/net';

export const tableNames = ['raw', 'mangle', 'nat', 'filter'] as const;
export type TableName = (typeof tableNames)[number];

export type ConntrackState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED' | 'DNAT' | 'SNAT';

/** What a packet must be for a rule to take it (iptables-extensions(8)). Absent fields match everything. */
export interface Match {
  readonly inInterface?: InterfaceName;
  readonly outInterface?: InterfaceName;
  readonly source?: Ipv4Cidr;
  readonly destination?: Ipv4Cidr;
  readonly protocol?: 'tcp' | 'udp' | 'icmp';
  /** Only with protocol tcp or udp. */
  readonly sourcePorts?: PortRange;
  /** Only with protocol tcp or udp. */
  readonly destinationPorts?: PortRange;
  /** Only with protocol icmp; without `code` every code of the type. */
  readonly icmp?: { readonly type: number; readonly code?: number };
  /** `-m conntrack --ctstate`: any one of these. */
  readonly conntrackStates?: readonly ConntrackState[];
  /** `-m conntrack --ctorigdst`: the destination before DNAT. */
  readonly originalDestination?: Ipv4Cidr;
  /** `-m set --match-set NAME src|dst`, all of these. */
  readonly sets?: readonly { readonly name: string; readonly direction: 'src' | 'dst'; readonly negated?: boolean }[];
  /** Fields above that are negated (`!`). */
  readonly not?: readonly ('inInterface' | 'outInterface' | 'source' | 'destination')[];
}

export type Target =
  | { readonly kind: 'ACCEPT' | 'DROP' | 'RETURN' | 'MASQUERADE' }
  /** `CT --notrack`: connection tracking leaves the packet alone, and the chain goes on. Only in the table raw. */
  | { readonly kind: 'NOTRACK' }
  | { readonly kind: 'REJECT'; readonly with: 'icmp-port-unreachable' | 'icmp-admin-prohibited' | 'tcp-reset' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | {
      readonly kind: 'DNAT';
      readonly address: Ipv4Address;
      /** Absent: the port stays. With a range as long as the match's destination ports, the offset is kept. */
      readonly ports?: PortRange;
    }
  | { readonly kind: 'SNAT'; readonly address: Ipv4Address };

export interface Rule {
  readonly match: Match;
  readonly target: Target;
}

/** Built-in chains have a policy, user chains have none. Chain names: at most 28 characters of letters, digits, `-`, `_`, `.`. */
export interface Chain {
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly Rule[];
}

/** Chains of each table by name; a table that is absent is not touched. */
export type RuleSet = { readonly [Table in TableName]?: ReadonlyMap<string, Chain> };

/** `hash:net` for lists of CIDRs; set names have at most 31 characters. A /0 does not fit a set (ipset(8)). */
export interface IpSet {
  readonly name: string;
  readonly type: 'hash:net' | 'hash:ip';
  readonly members: readonly Ipv4Cidr[];
}
