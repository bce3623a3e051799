// Which link-local network a host's control network is, and the addresses in it; pure (RFC 3927).
import { createHash } from 'node:crypto';
import {
  cidrContains,
  cidrRange,
  cidrsOverlap,
  type Ipv4Address,
  type Ipv4Cidr,
  ipv4Add,
  ipv4FromNumber,
  ipv4Network,
  ipv4ToNumber,
  type MacAddress,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';

export const controlPrefixLength = 22;

const linkLocal = ipv4ToNumber(parseIpv4Address('169.254.0.0'));
const networkSize = 2 ** (32 - controlPrefixLength);
const networks = 2 ** (controlPrefixLength - 16);
/** Metadata services of clouds answer there, also to programs of the host itself. */
const metadata = parseIpv4Address('169.254.169.254');
/** RFC 3927, 2.1: the first and the last 256 addresses are reserved. */
const reserved = [parseIpv4Cidr('169.254.0.0/24'), parseIpv4Cidr('169.254.255.0/24')];

/**
 * A network out of 169.254.0.0/16 for an installation on a host (`seed` names both) that overlaps none of `taken`.
 * Throws where none is left.
 */
export function chooseControlRange(seed: string, taken: readonly Ipv4Cidr[]): Ipv4Cidr {
  const first = createHash('sha256').update(seed).digest().readUInt32BE(0);
  for (let step = 0; step < networks; step += 1) {
    const number = linkLocal + ((first + step) % networks) * networkSize;
    const range = ipv4Network(ipv4FromNumber(number), controlPrefixLength);
    const isFree = ![...reserved, ...taken].some((other) => cidrsOverlap(range, other));
    if (isFree && !cidrContains(range, metadata)) return range;
  }
  throw new Error('control network: expected a free /22 in 169.254.0.0/16, but addresses of this host are in each');
}

/** The host's own address in the network. */
export function gatewayOf(range: Ipv4Cidr): Ipv4Address {
  return ipv4Add(cidrRange(range).first, 1);
}

/** The lowest address of the network that nobody has. Throws where all are taken. */
export function freeAddress(range: Ipv4Cidr, taken: ReadonlySet<Ipv4Address>): Ipv4Address {
  const { first, last } = cidrRange(range);
  for (let number = ipv4ToNumber(first) + 2; number < ipv4ToNumber(last); number += 1) {
    const address = ipv4FromNumber(number);
    if (!taken.has(address)) return address;
  }
  throw new Error(`control network ${range}: expected a free address, but every one is taken`);
}

/** A locally administered MAC address for an appliance's control NIC that nobody has. */
export function freeMacAddress(seed: string, taken: ReadonlySet<MacAddress>): MacAddress {
  for (let attempt = 0; ; attempt += 1) {
    const bytes = createHash('sha256').update(`${seed}:${attempt}`).digest().subarray(0, 5);
    const mac = parseMacAddress(['06', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':'));
    if (!taken.has(mac)) return mac;
  }
}
