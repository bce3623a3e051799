import { syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { publicIpv6Of } from './ipv6.ts';
import { presentVlanIpRanges, vlanIpRangeFields } from './response.ts';

const ipv4 = 'the IPv4 addresses of a range cannot be changed: make another range';

/** updateVlanIpRange: gives a range IPv6, or another IPv6 while no router has an address of what it had. */
export const updateVlanIpRange = syncCommand({
  name: 'updateVlanIpRange',
  description: 'Updates a range of public addresses: the IPv6 network beside it',
  roles: ['Admin'],
  parameters: {
    id: p.entity('vlan_ip_range').required('The id of the range'),
    ip6gateway: p.ipv6.optional('The gateway of its IPv6 network; needed with ip6cidr'),
    ip6cidr: p.ipv6Cidr.optional('The IPv6 network on its segment'),
    startipv6: p.ipv6.optional('The first IPv6 address of routers; by default they are made of MAC addresses (EUI-64)'),
    endipv6: p.ipv6.optional('The last IPv6 address of routers; by default startipv6'),
    gateway: unservedParameter(ipv4),
    netmask: unservedParameter(ipv4),
    startip: unservedParameter(ipv4),
    endip: unservedParameter(ipv4),
  },
  responseKey: 'vlan',
  responseFields: vlanIpRangeFields,
  handler: async ({ db, event }, { id: before, ...request }) => {
    const columns = await publicIpv6Of(db, request, before.id);
    await db.selectFrom('vlan_ip_range').select('id').where('id', '=', before.id).forUpdate().execute();
    const user = await db
      .selectFrom('network')
      .innerJoin('public_ip_address', 'public_ip_address.network_id', 'network.id')
      .select(['network.name', 'network.ip6_public_address as address'])
      .where('public_ip_address.vlan_ip_range_id', '=', before.id)
      .where('public_ip_address.is_source_nat', '=', true)
      .where('network.ip6_public_address', 'is not', null)
      .executeTakeFirst();
    if (user !== undefined && Object.keys(columns).length > 0) {
      throw new ApiError(
        'inUse',
        `The IPv6 network ${before.ip6_cidr} of parameter id is in use: the router of network ${user.name} has ${user.address}`,
      );
    }
    const row = await db
      .updateTable('vlan_ip_range')
      .set({ vlan: before.vlan, ...columns })
      .where('id', '=', before.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('VLAN.IP.RANGE.UPDATE', `Updated range ${row.start_ip}-${row.end_ip}`, {
      type: 'VlanIpRange',
      id: row.id,
    });
    return (await presentVlanIpRanges(db, [row]))[0] ?? {};
  },
});
