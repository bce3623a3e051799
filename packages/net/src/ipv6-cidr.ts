// Arithmetic on IPv6 addresses and networks. Text and its checks: ipv6.ts.
import { InvalidValueError } from './invalid-value.ts';
import { type Ipv6Address, type Ipv6Cidr, parseIpv6Address } from './ipv6.ts';
import type { MacAddress } from './mac.ts';

/** A closed range of IPv6 addresses: both ends belong to it and `first` is not after `last`. */
export interface Ipv6Range {
  readonly first: Ipv6Address;
  readonly last: Ipv6Address;
}

const addressBits = 128;
const interfaceIdBits = 64;
const lastAddress = (1n << 128n) - 1n;

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** The eight 16-bit groups of an address. */
function allGroups(address: Ipv6Address): number[] {
  const [head = '', tail] = address.split('::');
  const first = groupsOf(head);
  if (tail === undefined) return first;
  const last = groupsOf(tail);
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

/** The address as an unsigned 128-bit number. */
export function ipv6ToBigInt(address: Ipv6Address): bigint {
  return allGroups(address).reduce((number, group) => (number << 16n) | BigInt(group), 0n);
}

/** The address of an unsigned 128-bit number. Throws InvalidValueError outside 0 to 2^128 - 1. */
export function ipv6FromBigInt(number: bigint): Ipv6Address {
  if (number < 0n || number > lastAddress) {
    throw new InvalidValueError(String(number), 'a whole number from 0 to 2^128 - 1');
  }
  const digits = number.toString(16).padStart(32, '0');
  return parseIpv6Address((digits.match(/.{4}/g) ?? []).join(':'));
}

/** The address `offset` places after this one. Throws InvalidValueError where that leaves the address space. */
export function ipv6Add(address: Ipv6Address, offset: number | bigint): Ipv6Address {
  return ipv6FromBigInt(ipv6ToBigInt(address) + BigInt(offset));
}

/** Order of two addresses by number, for Array.sort. */
export function compareIpv6(a: Ipv6Address, b: Ipv6Address): number {
  const [left, right] = [ipv6ToBigInt(a), ipv6ToBigInt(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The host bits of a prefix length, all set. */
function hostMask(prefixLength: number): bigint {
  return (1n << BigInt(addressBits - prefixLength)) - 1n;
}

/** The network of `prefixLength` bits (0 to 128) that holds an address. */
export function ipv6Network(address: Ipv6Address, prefixLength: number): Ipv6Cidr {
  const number = ipv6ToBigInt(address);
  return `${ipv6FromBigInt(number - (number & hostMask(prefixLength)))}/${prefixLength}` as Ipv6Cidr;
}

/** A network's prefix length in bits. */
export function ipv6PrefixLengthOf(cidr: Ipv6Cidr): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1));
}

function firstOf(cidr: Ipv6Cidr): bigint {
  return ipv6ToBigInt(cidr.slice(0, cidr.indexOf('/')) as Ipv6Address);
}

/** A network's first and last address. */
export function ipv6CidrRange(cidr: Ipv6Cidr): Ipv6Range {
  const first = firstOf(cidr);
  return { first: ipv6FromBigInt(first), last: ipv6FromBigInt(first + hostMask(ipv6PrefixLengthOf(cidr))) };
}

/** True where the address lies in the network. */
export function ipv6CidrContains(cidr: Ipv6Cidr, address: Ipv6Address): boolean {
  const bits = BigInt(addressBits - ipv6PrefixLengthOf(cidr));
  return firstOf(cidr) >> bits === ipv6ToBigInt(address) >> bits;
}

/** True where two networks share an address, which is where one holds the other. */
export function ipv6CidrsOverlap(a: Ipv6Cidr, b: Ipv6Cidr): boolean {
  const bits = BigInt(addressBits - Math.min(ipv6PrefixLengthOf(a), ipv6PrefixLengthOf(b)));
  return firstOf(a) >> bits === firstOf(b) >> bits;
}

/**
 * The subnet number `index`, from 0, of `prefixLength` bits within a network: subnet 1 of 64 bits of `2001:db8::/48` is
 * `2001:db8:0:1::/64`. Throws InvalidValueError where the network has no such subnet.
 */
export function ipv6Subnet(network: Ipv6Cidr, prefixLength: number, index: number | bigint): Ipv6Cidr {
  const bits = prefixLength - ipv6PrefixLengthOf(network);
  if (!Number.isInteger(prefixLength) || bits < 0 || prefixLength > addressBits) {
    throw new InvalidValueError(prefixLength, `a prefix length from that of ${network} to 128`);
  }
  const count = 1n << BigInt(bits);
  if (BigInt(index) < 0n || BigInt(index) >= count) {
    throw new InvalidValueError(String(index), `a subnet's number from 0 to ${count - 1n} in ${network}`);
  }
  const first = firstOf(network) + (BigInt(index) << BigInt(addressBits - prefixLength));
  return `${ipv6FromBigInt(first)}/${prefixLength}` as Ipv6Cidr;
}

/** The interface identifier of a MAC address: modified EUI-64 (RFC 4291, appendix A). */
function interfaceIdOf(mac: MacAddress): bigint {
  const bytes = mac.split(':').map((byte) => Number.parseInt(byte, 16));
  const [first = 0, ...rest] = bytes;
  const id = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  return id.reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/**
 * The address that a NIC gives itself in a /64 by modified EUI-64 (RFC 4291, appendix A; RFC 4862). Throws
 * InvalidValueError on a network of another length.
 */
export function eui64Address(network: Ipv6Cidr, mac: MacAddress): Ipv6Address {
  if (ipv6PrefixLengthOf(network) !== interfaceIdBits)
    throw new InvalidValueError(network, 'an IPv6 network of 64 bits');
  return ipv6FromBigInt(firstOf(network) | interfaceIdOf(mac));
}

/** The link-local address of a NIC by modified EUI-64 (RFC 4291, 2.5.6). */
export function linkLocalAddressOf(mac: MacAddress): Ipv6Address {
  return eui64Address('fe80::/64' as Ipv6Cidr, mac);
}

/** The PTR owner name of an address: its 32 digits turned round below `ip6.arpa` (RFC 3596, 2.5). */
export function ipv6ReverseName(address: Ipv6Address): string {
  const digits = ipv6ToBigInt(address).toString(16).padStart(32, '0');
  return `${[...digits].reverse().join('.')}.ip6.arpa`;
}
