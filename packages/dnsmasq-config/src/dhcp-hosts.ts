// `dhcp-hostsfile` and the files of a `dhcp-hostsdir`: a reserved lease a line, as in `--dhcp-host` of dnsmasq(8).
import {
  type Fqdn,
  InvalidValueError,
  type Ipv4Address,
  type Ipv6Address,
  type MacAddress,
  parseIpv4Address,
  parseIpv6Address,
  parseMacAddress,
} from '@isthmus/net';
import { duplicateIssues, type Issue, listIssues, readLines, words } from './config-file.ts';
import { bracketed, type DhcpTag, parseBracketed, parseDhcpTag, parseQualifiedName } from './values.ts';

/**
 * One reserved lease. `name` is qualified: a bare label could be one of dnsmasq's keywords (values.ts). Options with one
 * of `tags` are this host's.
 */
export interface DhcpHostLine {
  readonly macAddress: MacAddress;
  readonly address: Ipv4Address | Ipv6Address;
  readonly name: Fqdn;
  readonly tags?: readonly DhcpTag[];
}

const tagPrefix = 'set:';

function isIpv6(address: Ipv4Address | Ipv6Address): address is Ipv6Address {
  return address.includes(':');
}

/** The line of one host, without its line break. Throws InvalidValueError where a value was cast past its type. */
export function renderDhcpHost({ macAddress, address, name, tags = [] }: DhcpHostLine): string {
  const settings = tags.map((tag) => `${tagPrefix}${parseDhcpTag(tag)}`);
  const written = isIpv6(address) ? bracketed(parseIpv6Address(address)) : address;
  return words([macAddress, ...settings, written, parseQualifiedName(name)]);
}

function parseDhcpHost(line: string): DhcpHostLine {
  const [macAddress = '', ...values] = line.split(',');
  const tags = values.slice(
    0,
    values.findIndex((value) => !value.startsWith(tagPrefix)),
  );
  const [address = '', name = '', ...rest] = values.slice(tags.length);
  if (rest.length > 0) throw new InvalidValueError(line, 'a MAC address, tags, an address and a name');
  return {
    macAddress: parseMacAddress(macAddress),
    address: address.startsWith('[') ? parseBracketed(address) : parseIpv4Address(address),
    name: parseQualifiedName(name),
    ...(tags.length > 0 && { tags: tags.map((tag) => parseDhcpTag(tag.slice(tagPrefix.length))) }),
  };
}

/** Hosts that cannot be written, and addresses and MAC addresses that dnsmasq would refuse or pass over as second ones. */
export function validateDhcpHosts(hosts: readonly DhcpHostLine[]): Issue[] {
  return [
    ...listIssues('hosts', hosts, (host) => parseDhcpHost(renderDhcpHost(host))),
    ...duplicateIssues(
      'hosts',
      hosts.flatMap(({ macAddress, address }) => [macAddress, address]),
    ),
  ];
}

/** The text of a DHCP hosts file. */
export function renderDhcpHosts(hosts: readonly DhcpHostLine[]): string {
  return hosts.map((host) => `${renderDhcpHost(host)}\n`).join('');
}

/** Reads what `renderDhcpHosts` writes. Throws ConfigSyntaxError. */
export function parseDhcpHosts(text: string): DhcpHostLine[] {
  return readLines(text, parseDhcpHost);
}
