import { InvalidValueError, type Ipv4Address, prefixLengthOfNetmask } from '@isthmus/net';
import { parameterError } from './errors.ts';

/** The prefix length of parameter `netmask`. Throws 431 where its bits are not contiguous. */
export function netmaskPrefixLength(netmask: Ipv4Address): number {
  try {
    return prefixLengthOfNetmask(netmask);
  } catch (error) {
    if (error instanceof InvalidValueError) throw parameterError('netmask', netmask, error.expected, error);
    throw error;
  }
}
