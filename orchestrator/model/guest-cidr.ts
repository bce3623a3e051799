// What an isolated network's CIDR may be.
import {
  cidrContains,
  cidrRange,
  cidrsOverlap,
  InvalidValueError,
  type Ipv4Address,
  type Ipv4Cidr,
  type Ipv4Range,
  ipv4Add,
  ipv4Network,
  ipv4ToNumber,
  parseIpv4Cidr,
  prefixLengthOf,
  prefixLengthOfNetmask,
  rangesOverlap,
} from '@isthmus/net';
import { parameterError } from './api-error.ts';

/** What the caller of createNetwork says, and what the zone says where the caller does not. */
export interface GuestCidrRequest {
  readonly gateway?: Ipv4Address | undefined;
  readonly netmask?: Ipv4Address | undefined;
  readonly startip?: Ipv4Address | undefined;
  readonly endip?: Ipv4Address | undefined;
  readonly zoneGuestCidr: Ipv4Cidr;
  /** Addresses that guests have to reach beyond the router. */
  readonly publicRanges: readonly Ipv4Range[];
}

export interface GuestCidr {
  readonly cidr: Ipv4Cidr;
  readonly gateway: Ipv4Address;
  /** Guests' addresses come from here; null: from the whole CIDR. */
  readonly guests: Ipv4Range | null;
}

// RFC 1918 and RFC 6598, the field's default for guest networks.
const privateNetworks = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'].map(parseIpv4Cidr);

/** CIDR, gateway and guests' range of a new isolated network. Throws 431 that names the parameter at fault. */
export function guestCidr(request: GuestCidrRequest): GuestCidr {
  const { cidr, gateway } = gatewayAndCidr(request);
  if (request.publicRanges.some((range) => rangesOverlap(cidrRange(cidr), range))) {
    throw parameterError('gateway', gateway, `a guest CIDR apart from the zone's public addresses, not ${cidr}`);
  }
  return { cidr, gateway, guests: guestRange(request, cidr) };
}

function gatewayAndCidr(request: GuestCidrRequest): { cidr: Ipv4Cidr; gateway: Ipv4Address } {
  const { gateway, netmask } = request;
  if (gateway === undefined) {
    if (netmask !== undefined) throw parameterError('netmask', netmask, 'parameter gateway beside it');
    if (request.startip !== undefined) throw parameterError('startip', request.startip, 'parameter gateway beside it');
    if (request.endip !== undefined) throw parameterError('endip', request.endip, 'parameter gateway beside it');
    return { cidr: request.zoneGuestCidr, gateway: ipv4Add(cidrRange(request.zoneGuestCidr).first, 1) };
  }
  if (netmask === undefined) throw parameterError('netmask', '', 'a netmask, as gateway is given');
  const prefixLength = prefixOf(netmask);
  const cidr = ipv4Network(gateway, prefixLength);
  if (!privateNetworks.some((network) => prefixLengthOf(network) <= prefixLength && cidrsOverlap(network, cidr))) {
    throw parameterError('gateway', gateway, `an address of ${privateNetworks.join(', ')} (RFC 1918, RFC 6598)`);
  }
  const { first, last } = cidrRange(cidr);
  if (gateway === first || gateway === last) {
    throw parameterError('gateway', gateway, `a host address of ${cidr}, not its network or broadcast address`);
  }
  return { cidr, gateway };
}

function prefixOf(netmask: Ipv4Address): number {
  let prefixLength = 0;
  try {
    prefixLength = prefixLengthOfNetmask(netmask);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
  }
  // A /30 holds the gateway and one guest; a larger network than /8 is no private one.
  if (prefixLength < 8 || prefixLength > 30) {
    throw parameterError('netmask', netmask, 'a netmask from 255.0.0.0 to 255.255.255.252');
  }
  return prefixLength;
}

/** The range of addresses that guests get; null for all. Throws 431 where it is not within the CIDR. */
export function guestRange(
  { startip, endip }: Pick<GuestCidrRequest, 'startip' | 'endip'>,
  cidr: Ipv4Cidr,
): Ipv4Range | null {
  if (startip === undefined) {
    if (endip !== undefined) throw parameterError('endip', endip, 'parameter startip beside it');
    return null;
  }
  const last = endip ?? startip;
  if (!cidrContains(cidr, startip)) throw parameterError('startip', startip, `an address within ${cidr}`);
  if (!cidrContains(cidr, last)) throw parameterError('endip', last, `an address within ${cidr}`);
  if (ipv4ToNumber(startip) > ipv4ToNumber(last)) {
    throw parameterError('endip', last, `an address not before startip ${startip}`);
  }
  return { first: startip, last };
}
