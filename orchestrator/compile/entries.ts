// One row → one entry of a router's document. Pure. A row that is wanted gone gives null.
import type {
  DhcpHost,
  DhcpOption,
  DnsRecord,
  EgressRule,
  IngressRule,
  PortForward,
  PublicAddress,
  StaticNat,
} from '@isthmus/contract';
import { type Hostname, type Ipv4Address, type Ipv6Address, type MacAddress, parseIpv4Cidr } from '@isthmus/net';
import { publicInterface } from './settings.ts';

/** The life of a rule, as the store has it. */
export type RuleState = 'Add' | 'Active' | 'Revoke';

export interface FirewallRow {
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'all';
  readonly startPort: number | null;
  readonly endPort: number | null;
  readonly icmpType: number | null;
  readonly icmpCode: number | null;
  /** Comma-separated CIDRs; '' for anywhere. */
  readonly cidrList: string;
  readonly destinationCidrList: string;
  readonly state: RuleState;
}

function cidrs(list: string) {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseIpv4Cidr);
}

function protocolFields(row: FirewallRow): Pick<IngressRule, 'protocol' | 'ports' | 'icmp'> {
  const first = row.startPort;
  return {
    protocol: row.protocol,
    ...(first !== null && { ports: { first, last: row.endPort ?? first } }),
    ...(row.protocol === 'icmp' && { icmp: { type: row.icmpType ?? -1, code: row.icmpCode ?? -1 } }),
  };
}

/** An ingress rule of a public address. */
export function compileIngressRule(row: FirewallRow, publicAddress: Ipv4Address): IngressRule | null {
  if (row.state === 'Revoke') return null;
  return { publicAddress, ...protocolFields(row), sources: cidrs(row.cidrList) };
}

/** An egress rule of a network. */
export function compileEgressRule(row: FirewallRow): EgressRule | null {
  if (row.state === 'Revoke') return null;
  return { ...protocolFields(row), sources: cidrs(row.cidrList), destinations: cidrs(row.destinationCidrList) };
}

/** A port forwarding rule; `privateAddress` is its NIC's. */
export function compilePortForward(row: {
  readonly publicAddress: Ipv4Address;
  readonly privateAddress: Ipv4Address;
  readonly protocol: 'tcp' | 'udp';
  readonly publicPorts: readonly [first: number, last: number];
  readonly privatePorts: readonly [first: number, last: number];
  readonly state: RuleState;
}): PortForward | null {
  if (row.state === 'Revoke') return null;
  return {
    publicAddress: row.publicAddress,
    protocol: row.protocol,
    publicPorts: { first: row.publicPorts[0], last: row.publicPorts[1] },
    privateAddress: row.privateAddress,
    privatePorts: { first: row.privatePorts[0], last: row.privatePorts[1] },
  };
}

/** Static NAT of a public address; null without a NIC. */
export function compileStaticNat(row: {
  readonly publicAddress: Ipv4Address;
  readonly privateAddress: Ipv4Address | null;
  readonly state: RuleState | null;
}): StaticNat | null {
  if (row.privateAddress === null || row.state === null || row.state === 'Revoke') return null;
  return { publicAddress: row.publicAddress, privateAddress: row.privateAddress };
}

/** A public address beside the source NAT address, which is the public NIC's own. */
export function compilePublicAddress(row: {
  readonly address: Ipv4Address;
  readonly prefixLength: number;
  readonly isSourceNat: boolean;
  readonly state: string;
}): PublicAddress | null {
  if (row.isSourceNat || row.state !== 'Allocated') return null;
  return { address: row.address, prefixLength: row.prefixLength, interface: publicInterface };
}

/** A NIC as the two entries that it is: its lease and its name. */
export function compileNic(nic: {
  readonly macAddress: MacAddress;
  readonly address: Ipv4Address;
  readonly hostname: Hostname;
  /** In a dual-stack network. */
  readonly ipv6Address?: Ipv6Address | null;
  /** False: its lease names no router and no resolver. */
  readonly isDefault?: boolean;
  /** Further DHCP options of this NIC alone. */
  readonly dhcpOptions?: readonly DhcpOption[];
}): { 'dhcp.hosts': DhcpHost; 'dns.records': DnsRecord } {
  const { macAddress, address, hostname, ipv6Address, isDefault = true, dhcpOptions = [] } = nic;
  const options = dhcpOptions.length > 0 ? { options: [...dhcpOptions] } : {};
  const ipv6 = ipv6Address ? { ipv6Address } : {};
  return {
    'dhcp.hosts': { macAddress, address, hostname, ...ipv6, ...(!isDefault && { isDefault }), ...options },
    'dns.records': { hostname, address, ...ipv6 },
  };
}
