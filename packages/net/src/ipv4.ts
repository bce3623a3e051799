import { Address4 } from 'ip-address';
import { InvalidValueError, parses } from './invalid-value.ts';

/** An IPv4 address in dotted decimal of four parts, no leading zeros, e.g. `10.1.1.1`. */
export type Ipv4Address = string & { readonly __brand: 'Ipv4Address' };

const dottedDecimal = /^(?:\d{1,3}\.){3}\d{1,3}$/;

/** Reads an IPv4 address. Refuses short forms, octal, hexadecimal and a prefix length. Throws InvalidValueError. */
export function parseIpv4Address(text: string): Ipv4Address {
  if (!dottedDecimal.test(text) || !Address4.isValid(text)) {
    throw new InvalidValueError(text, 'an IPv4 address such as 10.1.1.1');
  }
  return text as Ipv4Address;
}

export function isIpv4Address(text: string): text is Ipv4Address {
  return parses(() => parseIpv4Address(text));
}

/** The address as an unsigned 32-bit number. */
export function ipv4ToNumber(address: Ipv4Address): number {
  let number = 0;
  for (const part of address.split('.')) number = number * 256 + Number(part);
  return number;
}

/** The address of an unsigned 32-bit number. Throws InvalidValueError outside 0 to 2^32 - 1. */
export function ipv4FromNumber(number: number): Ipv4Address {
  if (!Number.isInteger(number) || number < 0 || number > 0xffffffff) {
    throw new InvalidValueError(number, 'a whole number from 0 to 4294967295');
  }
  return [number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255].join('.') as Ipv4Address;
}

/** The address `offset` places after this one. Throws InvalidValueError where that leaves the address space. */
export function ipv4Add(address: Ipv4Address, offset: number): Ipv4Address {
  return ipv4FromNumber(ipv4ToNumber(address) + offset);
}

/** Order of two addresses by number, for Array.sort. */
export function compareIpv4(a: Ipv4Address, b: Ipv4Address): number {
  return ipv4ToNumber(a) - ipv4ToNumber(b);
}
