// The `dhcp.ipv6` settings as the files of a dnsmasq process of its own: router advertisements (RFC 4861) with resolver and
// search list (RFC 8106), and DHCPv6 (RFC 8415) for reserved hosts. A guest that speaks no DHCPv6 has its address by SLAAC
// (RFC 4862): advertisements tell guests of both.
import type { DhcpHost, RouterSettings } from '@isthmus/contract';
import type { DhcpHostLine, DhcpOption, MainConfig } from '@isthmus/dnsmasq-config';
import { type Fqdn, parseFqdn } from '@isthmus/net';
import { commonConfig, type DnsmasqPaths } from './dnsmasq-main.ts';

type DhcpSettings = RouterSettings['dhcp'];
type Ipv6Settings = NonNullable<DhcpSettings['ipv6']>;

/** Seconds between two advertisements that nobody asked for, and for which one holds (RFC 4861, 6.2.1: three times). */
const intervalSeconds = 600;
const lifetimeSeconds = 1_800;
/** A lease is a DUID's, which a guest that is installed anew makes anew: the longest that it waits for its own address. */
const longestLeaseSeconds = 3_600;

/** The main configuration of the process for IPv6. Links of IPv6 carry 1,280 octets at least (RFC 8200, 5). */
export function dhcpIpv6MainConfig(dhcp: DhcpSettings, ipv6: Ipv6Settings, paths: DnsmasqPaths): MainConfig {
  const { network } = ipv6;
  const mtu = dhcp.mtu === undefined ? null : Math.max(1_280, dhcp.mtu);
  return {
    ...commonConfig(dhcp.interface, paths),
    quietDhcp: true,
    port: 0,
    domain: dhcp.domain,
    dhcpRanges: [{ family: 6, network, leaseTimeSeconds: Math.min(dhcp.leaseTimeSeconds, longestLeaseSeconds) }],
    enableRa: true,
    raParams: [{ interface: dhcp.interface, mtu, intervalSeconds, lifetimeSeconds }],
    dhcpLeaseMax: 65_536,
    dhcpLeaseFile: paths.leases,
    dhcpHostsFile: paths.hosts,
    dhcpHostsDir: paths.hostsLive,
    dhcpOptsFile: paths.choices,
    dhcpAuthoritative: true,
    dhcpIgnoreNames: true,
  };
}

/** The line of a host's reserved address, by its MAC address: that of its DUID, or as neighbours know it. Null: it has none. */
export function dhcpIpv6HostLine({ macAddress, ipv6Address, hostname }: DhcpHost, domain: Fqdn): DhcpHostLine | null {
  if (ipv6Address === undefined) return null;
  return { macAddress, address: ipv6Address, name: parseFqdn(`${hostname}.${domain}`) };
}

/** What advertisements and leases say: resolver and search list. */
export function dhcpIpv6Options({ domain }: DhcpSettings, { dnsServers }: Ipv6Settings): DhcpOption[] {
  return [
    { option: 'ipv6-dns-server', addresses: dnsServers },
    { option: 'ipv6-domain-search', domains: [domain] },
  ];
}
