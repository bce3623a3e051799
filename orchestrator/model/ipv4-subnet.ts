// Subnets of a zone that routed networks are cut out of. Pure.
import {
  cidrRange,
  cidrsOverlap,
  type Ipv4Cidr,
  ipv4FromNumber,
  ipv4ToNumber,
  parseIpv4Cidr,
  prefixLengthOf,
} from '@isthmus/net';

/** Whether a network lies in another one. */
export function cidrWithin(inner: Ipv4Cidr, outer: Ipv4Cidr): boolean {
  return cidrsOverlap(inner, outer) && prefixLengthOf(inner) >= prefixLengthOf(outer);
}

/** The lowest network of a prefix length within `parent` that overlaps none of `taken`; undefined where there is none. */
export function freeSubnet(parent: Ipv4Cidr, prefixLength: number, taken: readonly Ipv4Cidr[]): Ipv4Cidr | undefined {
  if (prefixLength < prefixLengthOf(parent)) return undefined;
  const size = 2 ** (32 - prefixLength);
  const { first, last } = cidrRange(parent);
  const end = ipv4ToNumber(last);
  let start = ipv4ToNumber(first);
  while (start + size - 1 <= end) {
    const candidate = parseIpv4Cidr(`${ipv4FromNumber(start)}/${prefixLength}`);
    const clash = taken.find((each) => cidrsOverlap(each, candidate));
    if (clash === undefined) return candidate;
    // Past what is in the way, at the next multiple of the size.
    const after = ipv4ToNumber(cidrRange(clash).last) + 1;
    start = Math.max(start + size, Math.ceil(after / size) * size);
  }
  return undefined;
}
