// Values of dnsmasq's files that packages/net does not know. Each excludes what would need quoting.
import {
  type Fqdn,
  type Hostname,
  InvalidValueError,
  type Ipv6Address,
  isIpv4Address,
  parseFqdn,
  parseIpv6Address,
} from '@isthmus/net';

/** An absolute path of letters, digits, `.`, `_`, `-` and `/`, without `..`, at most 255 characters. */
export type ConfigPath = string & { readonly __brand: 'ConfigPath' };
/** A user or group of /etc/passwd or /etc/group. */
export type AccountName = string & { readonly __brand: 'AccountName' };
/** A name that dnsmasq answers for: one label or a whole domain name, and nothing that reads as an IPv4 address. */
export type DnsName = Fqdn | Hostname;
/** Ties options to the hosts that have it (`set:` and `tag:` of dnsmasq(8)): 1 to 32 lower case letters and digits. */
export type DhcpTag = string & { readonly __brand: 'DhcpTag' };
/** A DHCP client identifier (RFC 2132, 9.14) as the lease file has it: bytes in hexadecimal with colons. */
export type ClientId = string & { readonly __brand: 'ClientId' };

/** Reads a path. Throws InvalidValueError. */
export function parseConfigPath(text: string): ConfigPath {
  if (!/^(?:\/[A-Za-z0-9._-]+)+$/.test(text) || text.length > 255 || text.split('/').includes('..')) {
    throw new InvalidValueError(text, 'an absolute path of letters, digits, dots, underscores, hyphens and slashes');
  }
  return text as ConfigPath;
}

/** Reads the name of an account. Throws InvalidValueError. */
export function parseAccountName(text: string): AccountName {
  if (!/^[a-z_][a-z0-9_-]{0,31}$/.test(text)) {
    throw new InvalidValueError(text, 'an account name: 1 to 32 lower case letters, digits, underscores and hyphens');
  }
  return text as AccountName;
}

/** Reads a name. Throws InvalidValueError. */
export function parseDnsName(text: string): Fqdn {
  if (isIpv4Address(text)) throw new InvalidValueError(text, 'a name, not an IPv4 address');
  return parseFqdn(text);
}

/**
 * Reads a name of at least two labels. Only such a name is safe in a DHCP host's line, where dnsmasq takes the single
 * words `ignore`, `infinite`, `24h` and `3600` for keywords and lease times. Throws InvalidValueError.
 */
export function parseQualifiedName(text: string): Fqdn {
  const name = parseDnsName(text);
  if (!name.includes('.')) throw new InvalidValueError(text, 'a name with its domain, such as vm1.cs1.internal');
  return name;
}

/** Reads a tag. Throws InvalidValueError. */
export function parseDhcpTag(text: string): DhcpTag {
  if (!/^[a-z0-9]{1,32}$/.test(text)) {
    throw new InvalidValueError(text, 'a tag of 1 to 32 lower case letters and digits');
  }
  return text as DhcpTag;
}

/** Reads a client identifier. Throws InvalidValueError. */
export function parseClientId(text: string): ClientId {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){0,254}$/.test(text)) {
    throw new InvalidValueError(text, 'bytes in hexadecimal with colons, such as 01:02:00:4c:9f:00:01');
  }
  return text as ClientId;
}

/** An IPv6 address as dnsmasq's DHCP files have it: in brackets. */
export function bracketed(address: Ipv6Address): string {
  return `[${address}]`;
}

/** Reads an IPv6 address in brackets. Throws InvalidValueError. */
export function parseBracketed(text: string): Ipv6Address {
  const [, address] = /^\[(.*)\]$/.exec(text) ?? [];
  if (address === undefined) throw new InvalidValueError(text, 'an IPv6 address in brackets');
  return parseIpv6Address(address);
}

/** Reads a whole number in decimal. Throws InvalidValueError outside `least` to `most`. */
export function parseWhole(text: string, least: number, most: number): number {
  const number = /^(?:0|[1-9]\d{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least && number <= most)) {
    throw new InvalidValueError(text, `a whole number from ${least} to ${most}`);
  }
  return number;
}
