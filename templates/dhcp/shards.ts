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

const table = 'dhcp';
/** Where the first option stands, in bits from the start of the UDP header: header, BOOTP (236 octets), magic cookie. */
const firstOption = (8 + 236 + 4) * 8;
/** Option 53 of one octet, with DHCPDISCOVER, DHCPREQUEST, DHCPRELEASE, DHCPINFORM. */
const messageTypes = [1, 3, 7, 8].map((type) => `0x35010${type}`).join(', ');

function steering(
  guestInterface: InterfaceName,
  count: number,
): { readonly input: string[]; readonly output: string[] } {
  if (count === 1) return { input: [], output: [] };
  const ports = Array.from({ length: count }, (_, shard) => `${shard} : ${firstPort + shard}`).join(', ');
  const all = `${firstPort}-${firstPort + count - 1}`;
  const from = `iifname { "lo", "${guestInterface}" }`;
  return {
    input: [`${from} udp dport 67 udp dport set @th,${lastChaddrOctet},8 & ${count - 1} map { ${ports} }`],
    output: [
      `udp sport ${all} udp dport ${all} udp dport set 67`,
      `udp sport ${all} udp dport { 67, 68 } udp sport set 67`,
    ],
  };
}

/**
 * What `nft -f` is told. Of guests' messages those pass whose first option is one of the four types that a reservation knows,
 * as every client writes it: a DHCPDECLINE would have dnsmasq withhold a reservation for ten minutes, also a neighbour's
 * whose hardware address was forged into it. Then packets to port 67 go to the process of their hardware address, and its
 * answers come from port 67; a relay is answered at the port that it was asked at. After the packet filter (priority 0),
 * which knows one port; answers before connection tracking (-200), for the same reason. `count` 0: the table goes.
 */
export function dhcpPacketRules(guestInterface: InterfaceName, count: number): string {
  const gone = `table ip ${table}\ndelete table ip ${table}\n`;
  if (count === 0) return gone;
  const { input, output } = steering(guestInterface, count);
  const guard = `iifname "${guestInterface}" udp dport 67 @th,${firstOption},24 != { ${messageTypes} } drop`;
  const chain = (hook: string, priority: number, rules: readonly string[]) => [
    `  chain ${hook} {`,
    `    type filter hook ${hook} priority ${priority};`,
    ...rules.map((rule) => `    ${rule}`),
    '  }',
  ];
  const chains = [
    ...chain('input', 60, [guard, ...input]),
    ...(output.length > 0 ? chain('output', -300, output) : []),
  ];
  return `${gone}${[`table ip ${table} {`, ...chains, '}', ''].join('\n')}`;
}
