import { InvalidValueError, parses } from './invalid-value.ts';
import { type Ipv4Address, ipv4FromNumber, ipv4ToNumber, isIpv4Address } from './ipv4.ts';

/** An IPv4 network in CIDR notation with no host bits set, e.g. `10.1.1.0/24` (RFC 4632). */
export type Ipv4Cidr = string & { readonly __brand: 'Ipv4Cidr' };

/** A closed range of IPv4 addresses: both ends belong to it and `first` is not after `last`. */
export interface Ipv4Range {
  readonly first: Ipv4Address;
  readonly last: Ipv4Address;
}

const expectedCidr = 'an IPv4 CIDR such as 10.1.1.0/24, with no bits set after the prefix';

/** Reads a CIDR; a bare address is refused. Throws InvalidValueError. */
export function parseIpv4Cidr(text: string): Ipv4Cidr {
  const [address = '', prefix = '', ...rest] = text.split('/');
  if (rest.length > 0 || !isIpv4Address(address) || !/^(?:0|[1-9]\d?)$/.test(prefix) || Number(prefix) > 32) {
    throw new InvalidValueError(text, expectedCidr);
  }
  if (ipv4Network(address, Number(prefix)) !== text) throw new InvalidValueError(text, expectedCidr);
  return text as Ipv4Cidr;
}

export function isIpv4Cidr(text: string): text is Ipv4Cidr {
  return parses(() => parseIpv4Cidr(text));
}

function mask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
}

/** The network of `prefixLength` bits that holds an address. */
export function ipv4Network(address: Ipv4Address, prefixLength: number): Ipv4Cidr {
  return `${ipv4FromNumber((ipv4ToNumber(address) & mask(prefixLength)) >>> 0)}/${prefixLength}` as Ipv4Cidr;
}

/** A CIDR's prefix length in bits. */
export function prefixLengthOf(cidr: Ipv4Cidr): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

/** A CIDR's first and last address, network and broadcast address included. */
export function cidrRange(cidr: Ipv4Cidr): Ipv4Range {
  const first = ipv4ToNumber(cidr.slice(0, cidr.indexOf('/')) as Ipv4Address);
  return { first: ipv4FromNumber(first), last: ipv4FromNumber(first + 2 ** (32 - prefixLengthOf(cidr)) - 1) };
}

export function cidrContains(cidr: Ipv4Cidr, address: Ipv4Address): boolean {
  const { first, last } = cidrRange(cidr);
  const number = ipv4ToNumber(address);
  return number >= ipv4ToNumber(first) && number <= ipv4ToNumber(last);
}

export function rangesOverlap(a: Ipv4Range, b: Ipv4Range): boolean {
  return ipv4ToNumber(a.first) <= ipv4ToNumber(b.last) && ipv4ToNumber(b.first) <= ipv4ToNumber(a.last);
}

export function cidrsOverlap(a: Ipv4Cidr, b: Ipv4Cidr): boolean {
  return rangesOverlap(cidrRange(a), cidrRange(b));
}

/** The netmask of a prefix length, e.g. 24 gives `255.255.255.0`. */
export function netmaskOf(prefixLength: number): Ipv4Address {
  return ipv4FromNumber(mask(prefixLength));
}

/** The prefix length of a netmask. Throws InvalidValueError where its bits are not contiguous. */
export function prefixLengthOfNetmask(netmask: Ipv4Address): number {
  const bits = ipv4ToNumber(netmask);
  const prefixLength = 32 - Math.round(Math.log2(0xffffffff - bits + 1));
  if (mask(prefixLength) !== bits) throw new InvalidValueError(netmask, 'a netmask such as 255.255.255.0');
  return prefixLength;
}

/** The PTR owner name of an address, e.g. `4.3.2.1.in-addr.arpa` (RFC 1035, 3.5). */
export function reverseName(address: Ipv4Address): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`;
}
