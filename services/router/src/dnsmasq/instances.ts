// The dnsmasq processes of one router: `dns` answers DNS, `dhcp-0` and so on DHCP, for a share of the hosts each; `dhcp6`
// answers DHCPv6 and advertises the router, where the network has IPv6.
import { parseConfigPath } from '@isthmus/dnsmasq-config';
import type { DnsmasqPaths } from '@isthmus/templates/dhcp';
import type { RouterPaths } from '../service.ts';

/** Names the process and its directories. */
export type InstanceName = 'dns' | 'dhcp6' | `dhcp-${number}`;

/**
 * Base files and leases lie in the router's state. The live directory lies in its run directory, which is empty after a
 * boot: its entries are in the next base file, or come again with the whole document that the agent applies at boot.
 */
export interface InstanceLayout extends DnsmasqPaths {
  readonly state: string;
  readonly run: string;
  readonly log: string;
  /** Live files are moved here before they are deleted: dnsmasq hears of a deletion in a live directory, not of a move. */
  readonly replaced: string;
}

/** The directory below which every instance has one of its own, of state and of what runs. */
export function dnsmasqRoots(paths: RouterPaths): RouterPaths {
  return { state: `${paths.state}/dnsmasq`, run: `${paths.run}/dnsmasq` };
}

/** The layout below a router's directories. Throws InvalidValueError where a path holds a character that a file cannot. */
export function instanceLayout(paths: RouterPaths, name: InstanceName): InstanceLayout {
  const roots = dnsmasqRoots(paths);
  const state = `${roots.state}/${name}`;
  const run = `${roots.run}/${name}`;
  return {
    state,
    run,
    log: `${run}/log`,
    replaced: `${run}/replaced`,
    pidFile: parseConfigPath(`${run}/pid`),
    leases: parseConfigPath(`${state}/leases`),
    hosts: parseConfigPath(`${state}/hosts`),
    hostsLive: parseConfigPath(`${run}/hosts`),
    choices: parseConfigPath(`${state}/choices`),
  };
}

/** The name of the process that answers the DHCP hosts of this share. */
export function dhcpInstance(shard: number): InstanceName {
  return `dhcp-${shard}`;
}

/** True for the name of an instance, such as that of a directory found. */
export function isInstanceName(name: string): name is InstanceName {
  return /^(?:dns|dhcp6|dhcp-\d{1,3})$/.test(name);
}

/** True for the name of a process that answers DHCP of IPv4, alone or for a share of the hosts. */
export function isDhcpv4(name: InstanceName): boolean {
  return name.startsWith('dhcp-');
}
