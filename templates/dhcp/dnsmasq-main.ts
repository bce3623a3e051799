// The main configurations of a router's dnsmasq processes: one answers DNS, the others DHCP for a share of the hosts each
// (shards.ts). Only what needs a restart stands here; what may change while they run is in the files that they read again
// on SIGHUP.
import type { RouterSettings } from '@isthmus/contract';
import { type ConfigPath, type MainConfig, parseAccountName } from '@isthmus/dnsmasq-config';
import { type InterfaceName, parseInterfaceName, prefixLengthOf } from '@isthmus/net';

/** Where the files of one process lie. Its user must be able to pass through every directory above them. */
export interface DnsmasqPaths {
  readonly pidFile: ConfigPath;
  /** A host or a record a line, and the directory where further ones appear. */
  readonly hosts: ConfigPath;
  readonly hostsLive: ConfigPath;
  /** Of DHCP: the options of leases. Of DNS: where queries go. */
  readonly choices: ConfigPath;
  readonly leases: ConfigPath;
}

/** dnsmasq's own limit is 1,000 leases; one lease for each address of the network can never be too few. */
function leaseMax(settings: RouterSettings['dhcp']): number {
  return Math.max(1_000, Math.min(2 ** (32 - prefixLengthOf(settings.network)), 16_777_216));
}

/** What every process has: no privileges, no file of the machine, no other NIC than the guests'. */
export function commonConfig(guestInterface: InterfaceName, paths: DnsmasqPaths): MainConfig {
  return {
    keepInForeground: true,
    user: parseAccountName('dnsmasq'),
    group: parseAccountName('nogroup'),
    pidFile: paths.pidFile,
    logToStandardError: true,
    quietDhcp: false,
    port: null,
    interfaces: [guestInterface],
    exceptInterfaces: [parseInterfaceName('lo')],
    bindDynamic: true,
    noHosts: true,
    noResolv: true,
    noPoll: true,
    domainNeeded: false,
    bogusPriv: false,
    noIdent: false,
    strictOrder: false,
    cacheSize: null,
    dnsForwardMax: null,
    ednsPacketMax: null,
    serversFile: null,
    addnHosts: null,
    hostsDir: null,
    domain: null,
    dhcpRanges: [],
    enableRa: false,
    raParams: [],
    dhcpLeaseMax: null,
    dhcpLeaseFile: null,
    dhcpHostsFile: null,
    dhcpHostsDir: null,
    dhcpOptsFile: null,
    dhcpAlternatePort: null,
    dhcpAuthoritative: false,
    dhcpIgnoreClid: false,
    dhcpIgnoreNames: false,
  };
}

/**
 * DNS. Answers go to guests alone, so it is no open resolver; source ports of forwarded queries are random and DNSSEC is
 * off: both defaults. Answers with private addresses pass (no `stop-dns-rebind`): the forwarders of a private cloud name
 * private services, and a guest reaches no more by a name than by the address itself. 1,232 bytes is the EDNS size that no
 * path fragments (DNS flag day 2020).
 */
export function dnsMainConfig(dns: RouterSettings['dns'], paths: DnsmasqPaths): MainConfig {
  return {
    ...commonConfig(dns.interface, paths),
    domainNeeded: true,
    bogusPriv: true,
    noIdent: true,
    strictOrder: true,
    cacheSize: 1_000,
    dnsForwardMax: 1_000,
    ednsPacketMax: 1_232,
    serversFile: paths.choices,
    addnHosts: paths.hosts,
    hostsDir: paths.hostsLive,
  };
}

/**
 * DHCP. `port` other than null: where packets are steered to. Clients are known by their MAC address alone
 * (`dhcp-ignore-clid`), which port security holds them to, and never name themselves.
 */
export function dhcpMainConfig(dhcp: RouterSettings['dhcp'], paths: DnsmasqPaths, port: number | null): MainConfig {
  return {
    ...commonConfig(dhcp.interface, paths),
    quietDhcp: true,
    port: 0,
    domain: dhcp.domain,
    dhcpRanges: [{ network: dhcp.network, leaseTimeSeconds: dhcp.leaseTimeSeconds }],
    dhcpLeaseMax: leaseMax(dhcp),
    dhcpLeaseFile: paths.leases,
    dhcpHostsFile: paths.hosts,
    dhcpHostsDir: paths.hostsLive,
    dhcpOptsFile: paths.choices,
    dhcpAlternatePort: port,
    dhcpAuthoritative: true,
    dhcpIgnoreClid: true,
    dhcpIgnoreNames: true,
  };
}
