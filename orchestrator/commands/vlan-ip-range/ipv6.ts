// The IPv6 network beside a range of public IPv4 addresses.
import {
  compareIpv6,
  type Ipv6Address,
  type Ipv6Cidr,
  ipv6CidrContains,
  ipv6CidrRange,
  ipv6CidrsOverlap,
  ipv6PrefixLengthOf,
} from '@isthmus/net';
import type { Trx } from '../../store/database.ts';
import { parameterError } from '../errors.ts';

/** What the caller says of it. */
export interface PublicIpv6Request {
  readonly ip6gateway?: Ipv6Address | undefined;
  readonly ip6cidr?: Ipv6Cidr | undefined;
  readonly startipv6?: Ipv6Address | undefined;
  readonly endipv6?: Ipv6Address | undefined;
}

/** The columns of a range's IPv6; none where the caller says nothing of it. Throws 431 that names the parameter at fault. */
export async function publicIpv6Of(db: Trx, request: PublicIpv6Request, exceptId?: string) {
  const { ip6gateway: gateway, ip6cidr: cidr, startipv6: first, endipv6: last = first } = request;
  if (cidr === undefined) {
    for (const [name, value] of Object.entries(request).filter(([name]) => /6/.test(name))) {
      if (value !== undefined) throw parameterError(name, value, 'parameter ip6cidr beside it');
    }
    return {};
  }
  const length = ipv6PrefixLengthOf(cidr);
  if (length < 16 || length > 126) throw parameterError('ip6cidr', cidr, 'a network of 16 to 126 bits');
  if (gateway === undefined) throw parameterError('ip6gateway', '', 'an address, as ip6cidr is given');
  if (!isHostOf(cidr, gateway)) throw parameterError('ip6gateway', gateway, `an address of ${cidr} beside its first`);
  if (first === undefined && last !== undefined) throw parameterError('endipv6', last, 'parameter startipv6 beside it');
  if (first !== undefined && last !== undefined) checkRange(cidr, gateway, first, last);
  await mustBeApart(db, cidr, exceptId);
  return { ip6_gateway: gateway, ip6_cidr: cidr, start_ipv6: first ?? null, end_ipv6: last ?? null };
}

function isHostOf(cidr: Ipv6Cidr, address: Ipv6Address): boolean {
  return ipv6CidrContains(cidr, address) && address !== ipv6CidrRange(cidr).first;
}

function checkRange(cidr: Ipv6Cidr, gateway: Ipv6Address, first: Ipv6Address, last: Ipv6Address): void {
  if (!isHostOf(cidr, first)) throw parameterError('startipv6', first, `an address of ${cidr} beside its first`);
  if (!isHostOf(cidr, last) || compareIpv6(last, first) < 0) {
    throw parameterError('endipv6', last, `an address of ${cidr}, not before startipv6`);
  }
  if (compareIpv6(first, gateway) <= 0 && compareIpv6(gateway, last) <= 0) {
    throw parameterError('ip6gateway', gateway, 'an address outside startipv6 to endipv6');
  }
}

/** Ranges of one segment share a network or are apart; guests' prefixes are always apart. */
async function mustBeApart(db: Trx, cidr: Ipv6Cidr, exceptId: string | undefined): Promise<void> {
  await db.selectFrom('zone').select('id').orderBy('id').forUpdate().execute();
  const ranges = await db
    .selectFrom('vlan_ip_range')
    .select(['id', 'ip6_cidr'])
    .where('ip6_cidr', 'is not', null)
    .execute();
  const prefixes = await db.selectFrom('guest_network_ipv6_prefix').select('prefix').execute();
  const taken = [
    ...ranges.filter(({ id, ip6_cidr }) => id !== exceptId && ip6_cidr !== cidr).map((range) => range.ip6_cidr),
    ...prefixes.map(({ prefix }) => prefix),
  ];
  const clash = taken.find((each) => each !== null && ipv6CidrsOverlap(each, cidr));
  if (clash) throw parameterError('ip6cidr', cidr, `a network apart from ${clash}`);
}
