import { ipv6CidrsOverlap, ipv6PrefixLengthOf, parseIpv6Cidr } from '@isthmus/net';
import { guestPrefixLength } from '../../model/ipv6-network.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { ipv6PrefixFields, presentIpv6Prefixes } from './response.ts';

/** Global unicast and unique local addresses (RFC 4291, 4193): what may be routed. */
const routable = ['2000::/3', 'fc00::/7'].map(parseIpv6Cidr);

export const createGuestNetworkIpv6Prefix = asyncCommand({
  name: 'createGuestNetworkIpv6Prefix',
  description: 'Gives a zone an IPv6 prefix. Each dual-stack network gets a /64 of it.',
  roles: ['Admin'],
  parameters: {
    zoneid: p.entity('zone').required('The zone'),
    prefix: p.ipv6Cidr.required('The prefix, of 64 bits or less'),
  },
  responseKey: 'guestnetworkipv6prefix',
  responseFields: ipv6PrefixFields,
  eventType: 'NETWORK.GUEST.IPV6.PREFIX.CREATE',
  instanceType: 'GuestNetworkIpv6Prefix',
  creates: true,
  prepare: async ({ db }, { zoneid: zone, prefix }) => {
    const length = ipv6PrefixLengthOf(prefix);
    const isRoutable = routable.some((each) => ipv6CidrsOverlap(each, prefix) && length >= ipv6PrefixLengthOf(each));
    if (length > guestPrefixLength || length < 16 || !isRoutable) {
      throw parameterError('prefix', prefix, `16 to ${guestPrefixLength} bits of ${routable.join(' or ')}`);
    }
    // The zones' rows are the lock of their prefixes: two that overlap never pass each other.
    await db.selectFrom('zone').select('id').orderBy('id').forUpdate().execute();
    const others = await db.selectFrom('guest_network_ipv6_prefix').select('prefix').execute();
    const other = others.find((each) => ipv6CidrsOverlap(each.prefix, prefix));
    if (other !== undefined) throw parameterError('prefix', prefix, `a prefix apart from ${other.prefix}`);
    const ranges = await db.selectFrom('vlan_ip_range').select('ip6_cidr').where('ip6_cidr', 'is not', null).execute();
    const range = ranges.find(({ ip6_cidr: cidr }) => cidr !== null && ipv6CidrsOverlap(cidr, prefix));
    if (range !== undefined) {
      throw parameterError('prefix', prefix, `a prefix apart from the public network ${range.ip6_cidr}`);
    }
    const { id } = await db
      .insertInto('guest_network_ipv6_prefix')
      .values({ zone_id: zone.id, prefix })
      .returning('id')
      .executeTakeFirstOrThrow();
    return { id };
  },
  execute: async ({ db }, id) => {
    const rows = await db.selectFrom('guest_network_ipv6_prefix').selectAll().where('id', '=', id).execute();
    return (await presentIpv6Prefixes(db, rows))[0] ?? {};
  },
});
