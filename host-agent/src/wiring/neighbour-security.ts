// Which neighbours a tenant's port may claim to be: rendered for nft, pure. ebtables sees who sends, but not which address
// a neighbour advertisement (RFC 4861, 4.4) is about. Stands before ebtables' nat PREROUTING, and only ever drops.
import { type Ipv6Address, ipv6ToBigInt, linkLocalAddressOf } from '@isthmus/net';
import type { GuardedPort } from './port-security.ts';

function tableOf(installation: string): string {
  return `bridge ith_${installation}_nd`;
}

function ownAddresses({ macAddress, ipv6Addresses = [] }: GuardedPort): string {
  const own: readonly Ipv6Address[] = [linkLocalAddressOf(macAddress), ...ipv6Addresses];
  return [...new Set(own)].map((address) => `0x${ipv6ToBigInt(address).toString(16).padStart(32, '0')}`).join(', ');
}

/** True where a port carries IPv6 and so has a chain here. */
export function hasNeighbours({ ipv6Addresses = [] }: GuardedPort): boolean {
  return ipv6Addresses.length > 0;
}

function portLines(table: string, port: GuardedPort): string[] {
  const target = `@th,64,128 != { ${ownAddresses(port)} } drop`;
  const chain = `${table} ${port.name}`;
  return [
    `add chain ${chain}`,
    `flush chain ${chain}`,
    `add rule ${chain} icmpv6 type nd-neighbor-advert ${target}`,
    // Who asks from :: means to take the address.
    `add rule ${chain} ip6 saddr :: icmpv6 type nd-neighbor-solicit ${target}`,
    `add element ${table} ports { "${port.name}" : goto ${port.name} }`,
  ];
}

function text(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Text for `nft -f` that makes or replaces the chains of these ports, in one transaction. */
export function renderNeighbours(installation: string, ports: readonly GuardedPort[]): string {
  const table = tableOf(installation);
  return text([
    `add table ${table}`,
    `add map ${table} ports { type ifname : verdict; }`,
    `add chain ${table} pre { type filter hook prerouting priority -310; policy accept; }`,
    `flush chain ${table} pre`,
    `add rule ${table} pre icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } iifname vmap @ports`,
    ...ports.flatMap((port) => portLines(table, port)),
  ]);
}

/** Text for `nft -f` that takes one port out. Refused where it is not there. */
export function renderNeighbourRemoval(installation: string, name: string): string {
  const table = tableOf(installation);
  return text([`delete element ${table} ports { "${name}" }`, `delete chain ${table} ${name}`]);
}

/** Text for `nft -f` that leaves nothing of this installation, whatever was there. */
export function renderNoNeighbours(installation: string): string {
  const table = tableOf(installation);
  return text([`add table ${table}`, `delete table ${table}`]);
}
