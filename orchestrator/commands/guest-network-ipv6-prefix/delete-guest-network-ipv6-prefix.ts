import { asyncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

export const deleteGuestNetworkIpv6Prefix = asyncCommand({
  name: 'deleteGuestNetworkIpv6Prefix',
  description: 'Takes an IPv6 prefix away from its zone: one that no network has a part of',
  roles: ['Admin'],
  parameters: { id: p.entity('guest_network_ipv6_prefix').required('The prefix') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'NETWORK.GUEST.IPV6.PREFIX.DELETE',
  instanceType: 'GuestNetworkIpv6Prefix',
  creates: false,
  prepare: async ({ db }, { id: prefix }) => {
    await db.selectFrom('guest_network_ipv6_prefix').select('id').where('id', '=', prefix.id).forUpdate().execute();
    const user = await db
      .selectFrom('network')
      .select(['name', 'ip6_cidr'])
      .where('ip6_prefix_id', '=', prefix.id)
      .executeTakeFirst();
    if (user !== undefined) {
      throw new ApiError(
        'inUse',
        `The IPv6 prefix ${prefix.prefix} of parameter id is in use: network ${user.name} has ${user.ip6_cidr}`,
      );
    }
    await db.deleteFrom('guest_network_ipv6_prefix').where('id', '=', prefix.id).execute();
    return { id: prefix.id };
  },
  execute: async () => ({ success: true }),
});
