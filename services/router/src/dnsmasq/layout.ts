// Where the files of a router's dnsmasq lie.
import { type ConfigPath, parseConfigPath } from '@isthmus/dnsmasq-config';
import type { DnsmasqPaths } from '@isthmus/templates/dhcp';
import type { RouterPaths } from '../service.ts';

/**
 * Base files and leases lie in the router's state. The live directories lie in its run directory, which is empty after a
 * boot: their entries are in the next base file, or come again with the whole document that the agent applies at boot.
 */
export interface DnsmasqLayout extends DnsmasqPaths {
  readonly state: string;
  readonly run: string;
  readonly log: string;
  /** Live files are moved here before they are deleted: dnsmasq hears of a deletion in a live directory, not of a move. */
  readonly replaced: string;
}

/** The layout below a router's directories. Throws InvalidValueError where a path holds a character that a file cannot. */
export function dnsmasqLayout(paths: RouterPaths): DnsmasqLayout {
  const state = `${paths.state}/dnsmasq`;
  const run = `${paths.run}/dnsmasq`;
  return {
    state,
    run,
    log: `${run}/log`,
    replaced: `${run}/replaced`,
    pidFile: parseConfigPath(`${run}/pid`),
    leases: parseConfigPath(`${state}/leases`),
    dhcpHosts: parseConfigPath(`${state}/dhcp-hosts`),
    dhcpHostsLive: parseConfigPath(`${run}/dhcp-hosts`),
    dhcpOptions: parseConfigPath(`${state}/dhcp-options`),
    dnsHosts: parseConfigPath(`${state}/dns-hosts`),
    dnsHostsLive: parseConfigPath(`${run}/dns-hosts`),
    servers: parseConfigPath(`${state}/servers`),
  };
}

/** The path of a main configuration carries its hash, so that a process's command line says which one it was started with. */
export function mainConfigPath(layout: DnsmasqLayout, hash: string): ConfigPath {
  return parseConfigPath(`${layout.state}/main-${hash}.conf`);
}
