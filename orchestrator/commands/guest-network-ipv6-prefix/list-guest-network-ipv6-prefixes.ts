import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { ipv6PrefixFields, presentIpv6Prefixes } from './response.ts';

export const listGuestNetworkIpv6Prefixes = listCommand({
  name: 'listGuestNetworkIpv6Prefixes',
  description: 'Lists the IPv6 prefixes of zones',
  roles: ['Admin'],
  entity: 'guest_network_ipv6_prefix',
  keywordColumns: ['prefix'],
  order: ['created'],
  parameters: { zoneid: p.entity('zone').optional('List by zone') },
  responseKey: 'guestnetworkipv6prefix',
  responseFields: ipv6PrefixFields,
  filter: (query, { zoneid }) =>
    zoneid === undefined ? query : query.where('guest_network_ipv6_prefix.zone_id', '=', zoneid.id),
  present: ({ db }, rows) => presentIpv6Prefixes(db, rows),
});
