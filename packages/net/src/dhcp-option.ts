// The value of a DHCPv4 option as text, read by the option's own type (RFC 2132, 3397, 3442, 5859, 8910, 8925).

import { InvalidValueError } from './invalid-value.ts';
import { type Ipv4Address, ipv4ToNumber, parseIpv4Address } from './ipv4.ts';
import { cidrRange, parseIpv4Cidr, prefixLengthOf } from './ipv4-cidr.ts';
import { type Fqdn, parseFqdn } from './names.ts';

/** A value by its type. `text` is printable ASCII without `"` and `\`; `octets` has 1 to 255. */
export type DhcpOptionValue =
  | { readonly kind: 'addresses'; readonly addresses: readonly Ipv4Address[] }
  | { readonly kind: 'domains'; readonly domains: readonly Fqdn[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'octets'; readonly octets: readonly number[] };

type Read = (text: string) => DhcpOptionValue;

function octets(values: Iterable<number>, text: string): DhcpOptionValue {
  const list = [...values];
  if (list.length < 1 || list.length > 255) throw new InvalidValueError(text, 'a value of 1 to 255 octets');
  return { kind: 'octets', octets: list };
}

function bigEndian(value: number, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** (size - 1 - index)) & 255);
}

function wholeNumber(text: string, least: number, most: number): number {
  const value = /^-?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw new InvalidValueError(text, `a whole number from ${least} to ${most}`);
  return value;
}

function integer(size: number, least = 0, most = 256 ** size - 1): Read {
  return (text) => octets(bigEndian(wholeNumber(text, least, most), size), text);
}

const integers16: Read = (text) =>
  octets(
    text.split(',').flatMap((each) => bigEndian(wholeNumber(each, 0, 65_535), 2)),
    text,
  );

const truths: ReadonlyMap<string, number> = new Map([
  ['true', 1],
  ['1', 1],
  ['false', 0],
  ['0', 0],
]);

const boolean: Read = (text) => {
  const value = truths.get(text.toLowerCase());
  if (value === undefined) throw new InvalidValueError(text, 'true or false');
  return octets([value], text);
};

function addresses(options: { readonly most?: number; readonly even?: boolean } = {}): Read {
  const { most = 63, even = false } = options;
  return (text) => {
    const list = text.split(',').map((each) => parseIpv4Address(each.trim()));
    if (list.length > most) throw new InvalidValueError(text, `at most ${most} IPv4 address${most === 1 ? '' : 'es'}`);
    if (even && list.length % 2 !== 0) throw new InvalidValueError(text, 'pairs of IPv4 addresses');
    return { kind: 'addresses', addresses: list };
  };
}

const domains: Read = (text) => {
  const list = text.split(',').map((each) => parseFqdn(each.trim()));
  // A last label of digits could read as an address or a number (RFC 1123, 2.1).
  const unlike = list.find((each) => /(?:^|\.)\d+$/.test(each));
  if (unlike !== undefined) throw new InvalidValueError(unlike, 'a domain name whose last label has a letter');
  if (list.join('.').length > 253) throw new InvalidValueError(text, 'domain names of 253 characters together');
  return { kind: 'domains', domains: list };
};

const text: Read = (value) => {
  if (!/^[ !#-[\]-~]{1,255}$/.test(value)) {
    throw new InvalidValueError(value, '1 to 255 printable ASCII characters without quotation marks and backslashes');
  }
  return { kind: 'text', text: value };
};

const textOctets: Read = (value) => {
  if (!/^[ -~]{1,255}$/.test(value)) throw new InvalidValueError(value, '1 to 255 printable ASCII characters');
  return octets(new TextEncoder().encode(value), value);
};

/** RFC 3442: the prefix length, as many octets of the destination as it covers, and the router. */
const routes: Read = (value) => {
  const parts = value.split(',').map((part) => part.trim());
  if (parts.length % 2 !== 0) throw new InvalidValueError(value, 'pairs of a network in CIDR notation and a router');
  const encoded = parts.flatMap((part, index) => {
    if (index % 2 === 1) return bigEndian(ipv4ToNumber(parseIpv4Address(part)), 4);
    const network = parseIpv4Cidr(part);
    const length = prefixLengthOf(network);
    return [length, ...bigEndian(ipv4ToNumber(cidrRange(network).first), 4).slice(0, Math.ceil(length / 8))];
  });
  return octets(encoded, value);
};

const binaryOrText: Read = (value) => {
  if (!value.startsWith('0x')) return textOctets(value);
  if (!/^0x(?:[0-9A-Fa-f]{2}){1,255}$/.test(value)) {
    throw new InvalidValueError(value, '0x and 1 to 255 octets of two hexadecimal digits');
  }
  return octets(
    (value.slice(2).match(/../g) ?? []).map((octet) => Number.parseInt(octet, 16)),
    value,
  );
};

/** Vendor information is a list of sub-options (RFC 2132, 8.4), at least a code and a length. */
const vendorInformation: Read = (value) => {
  const read = binaryOrText(value);
  if (read.kind === 'octets' && read.octets.length < 2) throw new InvalidValueError(value, 'at least two octets');
  return read;
};

function each(codes: readonly number[], read: Read): [number, Read][] {
  return codes.map((code) => [code, read]);
}

const kinds: ReadonlyMap<number, Read> = new Map([
  ...each([4, 5, 7, 8, 9, 10, 11, 41, 42, 44, 45, 48, 49, 65, 68, 69, 70, 71, 72, 73, 74, 75, 76, 150], addresses()),
  ...each([16, 32], addresses({ most: 1 })),
  ...each([21, 33], addresses({ even: true })),
  ...each([19, 20, 27, 29, 30, 31, 34, 36, 39], boolean),
  ...each([23, 37], integer(1, 1)),
  ...each([46], integer(1, 1, 8)),
  ...each([13], integer(2)),
  ...each([22], integer(2, 576)),
  ...each([24, 35, 38, 108], integer(4)),
  ...each([2], (value) => octets(bigEndian(wholeNumber(value, -86_400, 86_400), 4), value)),
  ...each([25], integers16),
  ...each([17, 18, 40, 64, 66, 67, 100, 101], text),
  ...each([14, 47, 114, 209, 210, 252], textOctets),
  ...each([43], vendorInformation),
  ...each([119], domains),
  ...each([121, 249], routes),
]);

/**
 * What the router decides itself (the mask, addresses of router and resolvers, name, domain, MTU) or what belongs to the
 * exchange (message type, lease times, client identifiers …), by the names of RFC 2132 and its successors.
 */
const decided: ReadonlyMap<number, string> = new Map([
  [1, 'the subnet mask'],
  [3, 'the router'],
  [6, 'the DNS servers'],
  [12, 'the host name'],
  [15, 'the domain name'],
  [26, 'the MTU'],
  [28, 'the broadcast address'],
  [50, 'the requested address'],
  [51, 'the lease time'],
  [52, 'the option overload'],
  [53, 'the message type'],
  [54, 'the server identifier'],
  [55, 'the parameter request list'],
  [56, 'the message'],
  [57, 'the maximum message size'],
  [58, 'the renewal time'],
  [59, 'the rebinding time'],
  [60, 'the vendor class'],
  [61, 'the client identifier'],
  [77, 'the user class'],
  [80, 'rapid commit'],
  [81, "the client's domain name"],
  [82, 'relay agent information'],
  [90, 'authentication'],
  [93, "the client's architecture"],
  [118, 'the subnet selection'],
]);

/**
 * Reads the value of an option that a tenant may set. Lists have commas; a boolean is true or false; classless routes (121,
 * 249) are pairs of network and router; where this code has no type of its own, `0x…` are octets and all else is text.
 * Throws InvalidValueError, also for an option that the router decides.
 */
export function parseDhcpOptionValue(code: number, value: string): DhcpOptionValue {
  const what = decided.get(code);
  if (what !== undefined || !Number.isInteger(code) || code < 1 || code > 254) {
    throw new InvalidValueError(
      code,
      `an option from 1 to 254 that is not the router's own${what ? ` (${what})` : ''}`,
    );
  }
  return (kinds.get(code) ?? binaryOrText)(value);
}
