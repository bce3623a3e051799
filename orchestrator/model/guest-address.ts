// Which address of an isolated network an instance gets.
import { cidrRange, type Ipv4Address, type Ipv4Cidr, ipv4FromNumber, ipv4ToNumber } from '@isthmus/net';
import { ApiError, parameterError } from './api-error.ts';

/** The network that an address is taken from. `startIp` and `endIp` narrow it; null: the whole CIDR. */
export interface GuestAddressSpace {
  readonly cidr: Ipv4Cidr;
  readonly gateway: Ipv4Address;
  readonly startIp: Ipv4Address | null;
  readonly endIp: Ipv4Address | null;
}

/** The addresses that instances may have: host addresses of the CIDR, within the range; the gateway still among them. */
function bounds(space: GuestAddressSpace): { first: number; last: number; gateway: number } {
  const { first, last } = cidrRange(space.cidr);
  return {
    first: Math.max(ipv4ToNumber(first) + 1, space.startIp === null ? 0 : ipv4ToNumber(space.startIp)),
    last: Math.min(ipv4ToNumber(last) - 1, space.endIp === null ? 0xffffffff : ipv4ToNumber(space.endIp)),
    gateway: ipv4ToNumber(space.gateway),
  };
}

/**
 * The lowest free address after the gateway, else the lowest free one before it. Never the gateway, the network or the
 * broadcast address. Throws 533 where every address is taken.
 */
export function nextGuestAddress(space: GuestAddressSpace, taken: ReadonlySet<Ipv4Address>): Ipv4Address {
  const { first, last, gateway } = bounds(space);
  const found =
    lowestFree(Math.max(first, gateway + 1), last, taken) ?? lowestFree(first, Math.min(last, gateway - 1), taken);
  if (found === undefined) {
    throw new ApiError('insufficientCapacity', `No guest address is free in ${space.cidr}`);
  }
  return found;
}

function lowestFree(first: number, last: number, taken: ReadonlySet<Ipv4Address>): Ipv4Address | undefined {
  for (let number = first; number <= last; number++) {
    const address = ipv4FromNumber(number);
    if (!taken.has(address)) return address;
  }
  return undefined;
}

/** Checks an address that a caller asks for by `parameter`. Throws 431 outside the network and where it is taken. */
export function requestedGuestAddress(
  space: GuestAddressSpace,
  taken: ReadonlySet<Ipv4Address>,
  address: Ipv4Address,
  parameter: string,
): Ipv4Address {
  const { first, last, gateway } = bounds(space);
  const number = ipv4ToNumber(address);
  if (number < first || number > last || number === gateway) {
    const range = `${ipv4FromNumber(first)} to ${ipv4FromNumber(last)}`;
    throw parameterError(parameter, address, `a guest address of ${space.cidr}: ${range}, not the gateway`);
  }
  if (taken.has(address)) {
    throw parameterError(parameter, address, `an address of ${space.cidr} that nothing of the network has yet`);
  }
  return address;
}
