// `addn-hosts` and the files of a `hostsdir`: hosts(5), an address and its names a line.
import {
  InvalidValueError,
  type Ipv4Address,
  type Ipv6Address,
  parseIpv4Address,
  parseIpv6Address,
} from '@isthmus/net';
import { type Issue, listIssues, readLines, word } from './config-file.ts';
import { type DnsName, parseDnsName } from './values.ts';

/** One address; the first name is the one that a reverse query answers. */
export interface HostsLine {
  readonly address: Ipv4Address | Ipv6Address;
  readonly names: readonly DnsName[];
}

/** The line of one address, without its line break. Throws InvalidValueError where a value was cast past its type. */
export function renderHost({ address, names }: HostsLine): string {
  return [address, ...names].map(word).join(' ');
}

function parseHost(line: string): HostsLine {
  const [address = '', ...names] = line.split(' ');
  if (names.length === 0) throw new InvalidValueError(line, 'an address and at least one name');
  const read = address.includes(':') ? parseIpv6Address(address) : parseIpv4Address(address);
  return { address: read, names: names.map(parseDnsName) };
}

/** Lines that cannot be written. */
export function validateHosts(hosts: readonly HostsLine[]): Issue[] {
  return listIssues('hosts', hosts, (host) => parseHost(renderHost(host)));
}

/** The text of a hosts file. */
export function renderHosts(hosts: readonly HostsLine[]): string {
  return hosts.map((host) => `${renderHost(host)}\n`).join('');
}

/** Reads what `renderHosts` writes. Throws ConfigSyntaxError. */
export function parseHosts(text: string): HostsLine[] {
  return readLines(text, parseHost);
}
