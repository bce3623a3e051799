// Tables, chains, rules and sets as data. Text is made and read elsewhere (render.ts, parse.ts).
import type { InterfaceName, Ipv4Address, Ipv4Cidr, Ipv6Address, Ipv6Cidr, PortRange } from '@isthmus/net';

export const tableNames = ['raw', 'mangle', 'nat', 'filter'] as const;
export type TableName = (typeof tableNames)[number];

/** Version of IP: 4 for iptables, 6 for ip6tables. Types without one are of IPv4. */
export type Family = 4 | 6;

/** What the two families call things. `icmpv6` is `ipv6-icmp` in the text. */
interface FamilyValues {
  readonly 4: {
    readonly address: Ipv4Address;
    readonly cidr: Ipv4Cidr;
    readonly icmp: 'icmp';
    readonly rejection: 'icmp-port-unreachable' | 'icmp-admin-prohibited';
    readonly nat: NatTarget;
  };
  readonly 6: {
    readonly address: Ipv6Address;
    readonly cidr: Ipv6Cidr;
    readonly icmp: 'icmpv6';
    readonly rejection: 'icmp6-port-unreachable' | 'icmp6-adm-prohibited';
    readonly nat: never;
  };
}

/** An address of a family. */
export type AddressOf<F extends Family> = FamilyValues[F]['address'];
/** A network of a family. */
export type CidrOf<F extends Family> = FamilyValues[F]['cidr'];
/** The protocols that a match may name. */
export type ProtocolOf<F extends Family> = 'tcp' | 'udp' | FamilyValues[F]['icmp'];

export type ConntrackState = 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED' | 'DNAT' | 'SNAT';

/** What a packet must be for a rule to take it (iptables-extensions(8)). Absent fields match everything. */
export interface Match<F extends Family = 4> {
  readonly inInterface?: InterfaceName;
  readonly outInterface?: InterfaceName;
  readonly source?: CidrOf<F>;
  readonly destination?: CidrOf<F>;
  readonly protocol?: ProtocolOf<F>;
  /** Only with protocol tcp or udp. */
  readonly sourcePorts?: PortRange;
  /** Only with protocol tcp or udp. */
  readonly destinationPorts?: PortRange;
  /** Only with protocol icmp or icmpv6; without `code` every code of the type. */
  readonly icmp?: { readonly type: number; readonly code?: number };
  /** `-m conntrack --ctstate`: any one of these. */
  readonly conntrackStates?: readonly ConntrackState[];
  /** `-m conntrack --ctorigdst`: the destination before DNAT. */
  readonly originalDestination?: CidrOf<F>;
  /** `-m set --match-set NAME src|dst`, all of these. */
  readonly sets?: readonly { readonly name: string; readonly direction: 'src' | 'dst'; readonly negated?: boolean }[];
  /** `-m cluster`: by a hash of the source address of the connection, one of `total` shares of equal size. */
  readonly cluster?: { readonly total: number; readonly share: number; readonly seed: number };
  /** `-m statistic --mode nth`: of the packets that come as far, the first of every so many, from the first on. */
  readonly everyNth?: number;
  /** Fields above that are negated (`!`). */
  readonly not?: readonly ('inInterface' | 'outInterface' | 'source' | 'destination')[];
}

/** Network address translation, which the model has for IPv4 alone. */
type NatTarget =
  | { readonly kind: 'MASQUERADE' }
  | {
      readonly kind: 'DNAT';
      readonly address: Ipv4Address;
      /** Absent: the port stays. With a range as long as the match's destination ports, the offset is kept. */
      readonly ports?: PortRange;
    }
  | { readonly kind: 'SNAT'; readonly address: Ipv4Address };

export type Target<F extends Family = 4> =
  | { readonly kind: 'ACCEPT' | 'DROP' | 'RETURN' }
  /** `CT --notrack`: connection tracking leaves the packet alone, and the chain goes on. Only in the table raw. */
  | { readonly kind: 'NOTRACK' }
  | { readonly kind: 'REJECT'; readonly with: FamilyValues[F]['rejection'] | 'tcp-reset' }
  | { readonly kind: 'jump' | 'goto'; readonly chain: string }
  | FamilyValues[F]['nat'];

export interface Rule<F extends Family = 4> {
  readonly match: Match<F>;
  readonly target: Target<F>;
}

/** Built-in chains have a policy, user chains have none. Chain names: at most 28 characters of letters, digits, `-`, `_`, `.`. */
export interface Chain<F extends Family = 4> {
  readonly policy?: 'ACCEPT' | 'DROP';
  readonly rules: readonly Rule<F>[];
}

/** Chains of each table by name; a table that is absent is not touched. */
export type RuleSet<F extends Family = 4> = { readonly [Table in TableName]?: ReadonlyMap<string, Chain<F>> };

/** `hash:net` for lists of CIDRs; set names have at most 31 characters. A /0 does not fit a set (ipset(8)). */
export type IpSet<F extends Family = 4> = F extends 4 ? Ipv4Set : Ipv6Set;

interface Ipv4Set {
  readonly name: string;
  readonly type: 'hash:net' | 'hash:ip';
  readonly family?: 4;
  readonly members: readonly Ipv4Cidr[];
}

interface Ipv6Set {
  readonly name: string;
  readonly type: 'hash:net' | 'hash:ip';
  readonly family: 6;
  readonly members: readonly Ipv6Cidr[];
}
