// `dhcp-leasefile` of DHCPv6: dnsmasq writes it, and reads it when it starts.
import { InvalidValueError, type Ipv6Address, parseIpv6Address } from '@isthmus/net';
import { type Issue, listIssues, readLines, word } from './config-file.ts';
import { type ClientId, type DnsName, parseClientId, parseDnsName, parseWhole } from './values.ts';

/** One lease of DHCPv6. `expiresAt` in seconds since 1970, 0 for never; `iaid` and `duid` as in RFC 8415. */
export interface Ipv6Lease {
  readonly expiresAt: number;
  readonly iaid: number;
  readonly address: Ipv6Address;
  readonly name: DnsName | null;
  readonly duid: ClientId;
}

/** A line of the file: the identity of the server, or a lease. */
export type Ipv6LeaseLine = Ipv6Lease | { readonly serverDuid: ClientId };

function renderLine(line: Ipv6LeaseLine): string {
  if ('serverDuid' in line) return ['duid', line.serverDuid].map(word).join(' ');
  const { expiresAt, iaid, address, name, duid } = line;
  return [expiresAt, iaid, address, name ?? '*', duid].map(word).join(' ');
}

function parseLine(line: string): Ipv6LeaseLine {
  const [first = '', second = '', address = '', name = '', duid = '', ...rest] = line.split(' ');
  if (first === 'duid' && address === '') return { serverDuid: parseClientId(second) };
  if (rest.length > 0) throw new InvalidValueError(line, 'expiry, IAID, IPv6 address, name and DUID');
  return {
    expiresAt: parseWhole(first, 0, Number.MAX_SAFE_INTEGER),
    iaid: parseWhole(second, 0, 0xffffffff),
    address: parseIpv6Address(address),
    name: name === '*' ? null : parseDnsName(name),
    duid: parseClientId(duid),
  };
}

/** Lines that cannot be written. */
export function validateIpv6Leases(lines: readonly Ipv6LeaseLine[]): Issue[] {
  return listIssues('leases', lines, (line) => parseLine(renderLine(line)));
}

/** The text of a lease file of DHCPv6. */
export function renderIpv6Leases(lines: readonly Ipv6LeaseLine[]): string {
  return lines.map((line) => `${renderLine(line)}\n`).join('');
}

/** Reads a lease file of DHCPv6. Throws ConfigSyntaxError. */
export function parseIpv6Leases(text: string): Ipv6LeaseLine[] {
  return readLines(text, parseLine);
}
