import { Address6 } from 'ip-address';
import { InvalidValueError, parses } from './invalid-value.ts';

/** An IPv6 address in its canonical text (RFC 5952), e.g. `2001:db8::1`; no zone, no prefix length. */
export type Ipv6Address = string & { readonly __brand: 'Ipv6Address' };
/** An IPv6 network in CIDR notation with no host bits set, e.g. `2001:db8::/64`. */
export type Ipv6Cidr = string & { readonly __brand: 'Ipv6Cidr' };

/** Reads an IPv6 address of any valid spelling into its canonical text. Throws InvalidValueError. */
export function parseIpv6Address(text: string): Ipv6Address {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !Address6.isValid(text)) {
    throw new InvalidValueError(text, 'an IPv6 address such as 2001:db8::1');
  }
  return new Address6(text).correctForm() as Ipv6Address;
}

export function isIpv6Address(text: string): boolean {
  return parses(() => parseIpv6Address(text));
}

/** Reads an IPv6 CIDR into its canonical text. Throws InvalidValueError. */
export function parseIpv6Cidr(text: string): Ipv6Cidr {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const expected = 'an IPv6 CIDR such as 2001:db8::/64, with no bits set after the prefix';
  if (rest.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(prefix) || Number(prefix) > 128 || !isIpv6Address(address)) {
    throw new InvalidValueError(text, expected);
  }
  const canonical = parseIpv6Address(address);
  if (new Address6(`${canonical}/${prefix}`).startAddress().correctForm() !== canonical) {
    throw new InvalidValueError(text, expected);
  }
  return `${canonical}/${prefix}` as Ipv6Cidr;
}

export function isIpv6Cidr(text: string): boolean {
  return parses(() => parseIpv6Cidr(text));
}
