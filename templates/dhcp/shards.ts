// Which dnsmasq process answers which host. Whenever dnsmasq reads of a host it compares each of its leases with each of
// its hosts: 0.4 ms at 10, 290 ms at 5,000 (docs/explanation/dhcp-and-dns.md). So a wide network's hosts are spread by
// their MAC address over several processes, each on a port of its own, and packets are steered by the same bits.
import { type InterfaceName, type Ipv4Cidr, type MacAddress, prefixLengthOf } from '@isthmus/net';

/** As wide as one process serves alone. */
const alonePrefixLength = 24;
const mostShards = 16;
const firstPort = 6700;
/** Where chaddr ends, in bits from the start of the UDP header: header (8 octets), chaddr (at 28 of BOOTP), 6 octets. */
const lastChaddrOctet = (8 + 28 + 5) * 8;

/** How many processes answer DHCP: a power of two. */
export function shardCount(network: Ipv4Cidr): number {
  return Math.min(mostShards, 2 ** Math.max(0, alonePrefixLength - prefixLengthOf(network)));
}

/** The process, from 0, that answers this MAC address: by the low bits of its last octet, which tools count up. */
export function shardOf(macAddress: MacAddress, count: number): number {
  return Number.parseInt(macAddress.slice(-2), 16) % count;
}

/** Where a process listens: DHCP's own port where it is alone. */
export function shardPort(shard: number, count: number): number | null {
  return count === 1 ? null : firstPort + shard;
}

const table = 'dhcp_steering';

/**
 * What `nft -f` is told: packets to port 67 go to the process of their hardware address, and its answers come from port 67.
 * After the packet filter (priority 0), which knows one port; answers before connection tracking (-200), for the same
 * reason; to a relay dnsmasq answers at the port that it was asked at. Where one process is alone the table goes.
 */
export function steeringRules(guestInterface: InterfaceName, count: number): string {
  const gone = `table ip ${table}\ndelete table ip ${table}\n`;
  if (count === 1) return gone;
  const ports = Array.from({ length: count }, (_, shard) => `${shard} : ${firstPort + shard}`);
  return [
    `${gone}table ip ${table} {`,
    '  chain input {',
    '    type filter hook input priority 60;',
    `    iifname { "lo", "${guestInterface}" } udp dport 67 udp dport set @th,${lastChaddrOctet},8 & ${count - 1} map { ${ports.join(', ')} }`,
    '  }',
    '  chain output {',
    '    type filter hook output priority -300;',
    `    udp sport ${firstPort}-${firstPort + count - 1} udp dport ${firstPort}-${firstPort + count - 1} udp dport set 67`,
    `    udp sport ${firstPort}-${firstPort + count - 1} udp dport { 67, 68 } udp sport set 67`,
    '  }',
    '}',
    '',
  ].join('\n');
}
