// `dhcp-leasefile`: dnsmasq writes it, and reads it when it starts.
import { InvalidValueError, type Ipv4Address, type MacAddress, parseIpv4Address, parseMacAddress } from '@isthmus/net';
import { type Issue, listIssues, readLines, word } from './config-file.ts';
import { type ClientId, type DnsName, parseClientId, parseDnsName, parseWhole } from './values.ts';

/** One lease of DHCPv4. `expiresAt` in seconds since 1970, 0 for never. */
export interface Lease {
  readonly expiresAt: number;
  readonly macAddress: MacAddress;
  readonly address: Ipv4Address;
  readonly name: DnsName | null;
  readonly clientId: ClientId | null;
}

function renderLease({ expiresAt, macAddress, address, name, clientId }: Lease): string {
  return [expiresAt, macAddress, address, name ?? '*', clientId ?? '*'].map(word).join(' ');
}

function parseLease(line: string): Lease {
  const [expiresAt = '', macAddress = '', address = '', name = '', clientId = '', ...rest] = line.split(' ');
  if (rest.length > 0) {
    throw new InvalidValueError(line, 'expiry, MAC address, IPv4 address, name and client identifier');
  }
  return {
    expiresAt: parseWhole(expiresAt, 0, Number.MAX_SAFE_INTEGER),
    macAddress: parseMacAddress(macAddress),
    address: parseIpv4Address(address),
    name: name === '*' ? null : parseDnsName(name),
    clientId: clientId === '*' ? null : parseClientId(clientId),
  };
}

/** Leases that cannot be written. */
export function validateLeases(leases: readonly Lease[]): Issue[] {
  return listIssues('leases', leases, (lease) => parseLease(renderLease(lease)));
}

/** The text of a lease file. */
export function renderLeases(leases: readonly Lease[]): string {
  return leases.map((lease) => `${renderLease(lease)}\n`).join('');
}

/** Reads a lease file of DHCPv4 over Ethernet. Throws ConfigSyntaxError. */
export function parseLeases(text: string): Lease[] {
  return readLines(text, parseLease);
}
