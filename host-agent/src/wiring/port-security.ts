// Which frames a tenant's port may send: rendered as ebtables chains, pure. Enforced in `nat PREROUTING`, which stands
// before the bridge learns a frame's source, so that a forged MAC address cannot draw another guest's frames to itself.
//
// Dispatch is a tree over the hexadecimal digits in a port's name, since ebtables has no hash over interfaces:
// PREROUTING -> ith-ID-ports -> ith-ID-ports-A -> ith-ID-ports-AB -> the port's own chain. A frame from any other port
// of the host costs one rule.
import { type Ipv4Address, type Ipv6Address, linkLocalAddressOf, type MacAddress } from '@isthmus/net';

/** A tenant's port: `name` as `portName` gives it, kind `i`. */
export interface GuardedPort {
  readonly name: string;
  readonly macAddress: MacAddress;
  readonly addresses: readonly Ipv4Address[];
  /** Global addresses of IPv6. Absent or empty: the port carries no IPv6 at all. */
  readonly ipv6Addresses?: readonly Ipv6Address[];
}

/** The two digits of a port's name that choose its chains. */
export function bucketOf(name: string): string {
  return name.slice(5, 7);
}

function rootChain(installation: string): string {
  return `ith-${installation}-ports`;
}

/** Name of a port's own chain. */
export function chainOf(name: string): string {
  return `ith-${name.slice(0, 4)}-${name.slice(4)}`;
}

/** True for a chain that this installation made. */
export function isChainOf(installation: string, chain: string): boolean {
  return new RegExp(`^ith-${installation}-(?:ports(?:-[0-9a-f]{1,2})?|i[0-9a-f]{8}[0-7])$`).test(chain);
}

/** The rule that leads a tenant's frames here, as arguments of ebtables after `-A PREROUTING`. */
function entryRule(installation: string): string {
  return `-i ${installation}i+ -j ${rootChain(installation)}`;
}

/** A chain's text for ebtables-restore: naming the chain empties it, in the same transaction as the rules that follow. */
function chain(name: string, rules: readonly string[]): string[] {
  return [`:${name} RETURN`, ...rules.map((rule) => `-A ${name} ${rule}`)];
}

/**
 * IPv6 of a port: from its own global addresses and the link-local one of its MAC address (RFC 4291, appendix A), and from
 * `::` what asks whether an address is taken (RFC 4862, 5.4). From a link-local address goes only what a host needs of its
 * link: so nobody but a router advertises itself or redirects, and only a client speaks DHCPv6. The kernel looks behind
 * extension headers for the protocol, so none of it hides there (RFC 7113); a fragment too short to tell is dropped.
 */
function ipv6Rules(macAddress: MacAddress, addresses: readonly Ipv6Address[]): string[] {
  if (addresses.length === 0) return [];
  const icmp = '--ip6-proto ipv6-icmp --ip6-icmp-type';
  const own = `-p IPv6 --ip6-src ${linkLocalAddressOf(macAddress)}`;
  // Router solicitation, neighbour solicitation and advertisement, echo and its reply, listener reports.
  const fromLink = ['133', '135', '136', '128', '129', '131', '132', '143'];
  return [
    '-p IPv6 --ip6-proto udp --ip6-sport 547 -j DROP',
    `-p IPv6 ${icmp} router-advertisement -j DROP`,
    `-p IPv6 ${icmp} redirect -j DROP`,
    ...addresses.map((address) => `-p IPv6 --ip6-src ${address} -j ACCEPT`),
    ...fromLink.map((type) => `${own} ${icmp} ${type} -j ACCEPT`),
    `${own} --ip6-proto udp --ip6-sport 546 --ip6-dport 547 -j ACCEPT`,
    // Answers of what a guest itself serves on its link, such as TCP, but no DHCPv6.
    `${own} --ip6-proto tcp -j ACCEPT`,
    `-p IPv6 --ip6-src :: ${icmp} neighbour-solicitation -j ACCEPT`,
    `-p IPv6 --ip6-src :: ${icmp} router-solicitation -j ACCEPT`,
  ];
}

function portRules({ macAddress, addresses, ipv6Addresses = [] }: GuardedPort): string[] {
  const arp = '-p ARP --arp-htype 1 --arp-ptype 0x0800';
  return [
    `-s ! ${macAddress} -j DROP`,
    `-p ARP --arp-mac-src ! ${macAddress} -j DROP`,
    // Only a router answers DHCP (RFC 2131, 4.1: servers send from port 67).
    '-p IPv4 --ip-proto udp --ip-sport 67 -j DROP',
    ...addresses.map((address) => `-p IPv4 --ip-src ${address} -j ACCEPT`),
    ...addresses.map((address) => `${arp} --arp-ip-src ${address} -j ACCEPT`),
    // An address that a client has not taken yet: ARP probes (RFC 5227, 1.1) and DHCP before the lease.
    `${arp} --arp-ip-src 0.0.0.0 -j ACCEPT`,
    '-p IPv4 --ip-src 0.0.0.0 --ip-proto udp --ip-sport 68 --ip-dport 67 -j ACCEPT',
    ...ipv6Rules(macAddress, ipv6Addresses),
    // Everything else, tagged frames too.
    '-j DROP',
  ];
}

function dispatch(installation: string, children: readonly string[]): string[] {
  return children.map((child) => `-i ${installation}i${child}+ -j ${rootChain(installation)}-${child}`);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}

/** What to do in one transaction: `changed` ports are made or replaced, `stale` chains removed, `enter` leads frames here. */
export interface PortsChange {
  readonly changed: readonly GuardedPort[];
  readonly removed: readonly string[];
  readonly stale: readonly string[];
  readonly enter: boolean;
}

/**
 * Text for `ebtables-restore --noflush` that carries a change out. `ports` is every guarded port of the host after it;
 * `changed` and `removed` decide which parts of the tree are rendered anew.
 */
export function renderPorts(installation: string, ports: Iterable<GuardedPort>, change: PortsChange): string {
  const root = rootChain(installation);
  const drop = '-j DROP';
  const byBucket = Map.groupBy(ports, ({ name }) => bucketOf(name));
  const byDigit = Map.groupBy(unique([...byBucket.keys()]), (bucket) => bucket.slice(0, 1));
  const touched = unique([...change.changed.map(({ name }) => name), ...change.removed].map(bucketOf));
  const leaves = touched.map((bucket) => {
    const members = byBucket.get(bucket)?.map(({ name }) => `-i ${name} -j ${chainOf(name)}`);
    return { name: `${root}-${bucket}`, rules: members };
  });
  const branches = unique(touched.map((bucket) => bucket.slice(0, 1))).map((digit) => {
    const children = byDigit.get(digit);
    return { name: `${root}-${digit}`, rules: children && dispatch(installation, children) };
  });
  const inner = [...leaves, ...branches];
  // All are emptied before any is removed: the kernel removes no chain that a rule still names.
  const empty = inner.filter(({ rules }) => rules === undefined).map(({ name }) => name);
  const gone = [...change.stale, ...empty, ...change.removed.map(chainOf)];
  return [
    '*nat',
    ...change.changed.flatMap((port) => chain(chainOf(port.name), portRules(port))),
    ...inner.flatMap(({ name, rules }) => (rules === undefined ? [] : chain(name, [...rules, drop]))),
    ...chain(root, [...dispatch(installation, unique([...byDigit.keys()])), drop]),
    ...(change.enter ? [`-A PREROUTING ${entryRule(installation)}`] : []),
    ...gone.map((name) => `-F ${name}`),
    ...gone.map((name) => `-X ${name}`),
    '',
  ].join('\n');
}

/** The chains of `chains` that no port of `ports` needs. */
export function staleChains(installation: string, chains: readonly string[], ports: readonly GuardedPort[]): string[] {
  const root = rootChain(installation);
  const buckets = ports.map(({ name }) => bucketOf(name));
  const needed = new Set([
    root,
    ...ports.map(({ name }) => chainOf(name)),
    ...buckets.flatMap((bucket) => [`${root}-${bucket}`, `${root}-${bucket.slice(0, 1)}`]),
  ]);
  return chains.filter((name) => !needed.has(name));
}

/** Text for `ebtables-restore --noflush` that removes `chains`, all of this installation, and the way to them. */
export function renderRemoval(installation: string, chains: readonly string[], hasEntry: boolean): string {
  return [
    '*nat',
    ...(hasEntry ? [`-D PREROUTING ${entryRule(installation)}`] : []),
    ...chains.map((name) => `-F ${name}`),
    ...chains.map((name) => `-X ${name}`),
    '',
  ].join('\n');
}

/** What this installation has in force, from the text of ebtables-save: its chains of `nat`, and whether frames are led there. */
export function readPorts(installation: string, saved: string): { chains: string[]; hasEntry: boolean } {
  const tables = saved.split(/^\*/m);
  const nat = (tables.find((table) => table.startsWith('nat')) ?? '').split('\n');
  const chains = nat.filter((line) => line.startsWith(':')).map((line) => line.slice(1).split(' ')[0] ?? '');
  return {
    chains: chains.filter((name) => isChainOf(installation, name)),
    hasEntry: nat.includes(`-A PREROUTING ${entryRule(installation)}`),
  };
}
