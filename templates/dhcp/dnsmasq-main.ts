// The main configuration of the one dnsmasq that serves the `dhcp` and `dns` sections. Only what needs a restart stands
// here; what may change while it runs is in the files that it reads again on SIGHUP.
import type { RouterSettings } from '@isthmus/contract';
import { type ConfigPath, type MainConfig, parseAccountName } from '@isthmus/dnsmasq-config';
import { parseInterfaceName, prefixLengthOf } from '@isthmus/net';

/** Where dnsmasq's files lie. Its user must be able to pass through every directory above them. */
export interface DnsmasqPaths {
  readonly pidFile: ConfigPath;
  readonly leases: ConfigPath;
  readonly dhcpHosts: ConfigPath;
  readonly dhcpHostsLive: ConfigPath;
  readonly dhcpOptions: ConfigPath;
  readonly dnsHosts: ConfigPath;
  readonly dnsHostsLive: ConfigPath;
  readonly servers: ConfigPath;
}

/** dnsmasq's own limit is 1,000 leases; one lease for each address of the network can never be too few. */
function leaseMax(settings: RouterSettings['dhcp']): number {
  return Math.max(1_000, Math.min(2 ** (32 - prefixLengthOf(settings.network)), 16_777_216));
}

/**
 * Settings to main configuration. Clients are known by their MAC address alone (`dhcp-ignore-clid`), which port security
 * holds them to, and never name themselves. Source ports of forwarded queries are random and DNSSEC is off: both defaults.
 * 1,232 bytes is the EDNS size that no path fragments (DNS flag day 2020).
 */
export function dnsmasqMainConfig(dhcp: RouterSettings['dhcp'], paths: DnsmasqPaths): MainConfig {
  return {
    keepInForeground: true,
    user: parseAccountName('dnsmasq'),
    group: parseAccountName('nogroup'),
    pidFile: paths.pidFile,
    logToStandardError: true,
    quietDhcp: true,
    interfaces: [dhcp.interface],
    exceptInterfaces: [parseInterfaceName('lo')],
    bindDynamic: true,
    noHosts: true,
    noResolv: true,
    noPoll: true,
    domainNeeded: true,
    bogusPriv: true,
    noIdent: true,
    strictOrder: true,
    cacheSize: 1_000,
    dnsForwardMax: 1_000,
    ednsPacketMax: 1_232,
    serversFile: paths.servers,
    addnHosts: paths.dnsHosts,
    hostsDir: paths.dnsHostsLive,
    domain: dhcp.domain,
    dhcpRanges: [{ network: dhcp.network, leaseTimeSeconds: dhcp.leaseTimeSeconds }],
    dhcpLeaseMax: leaseMax(dhcp),
    dhcpLeaseFile: paths.leases,
    dhcpHostsFile: paths.dhcpHosts,
    dhcpHostsDir: paths.dhcpHostsLive,
    dhcpOptsFile: paths.dhcpOptions,
    dhcpAuthoritative: true,
    dhcpIgnoreClid: true,
    dhcpIgnoreNames: true,
  };
}
