import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { lockPublicIp } from '../public-ip/lock.ts';
import { successFields } from '../response-field.ts';
import { revokeStaticNats } from './revoke.ts';

export const disableStaticNat = asyncCommand({
  name: 'disableStaticNat',
  description: 'Ends the static NAT of a public IP address',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { ipaddressid: p.entity('public_ip_address').required('The public IP address') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'STATICNAT.DISABLE',
  instanceType: 'IpAddress',
  creates: false,
  prepare: async ({ db }, { ipaddressid }) => {
    const address = await lockPublicIp(db, 'ipaddressid', ipaddressid.id);
    if (address.static_nat_nic_id === null) {
      throw parameterError('ipaddressid', address.id, `an address with static NAT, which ${address.address} has not`);
    }
    await revokeStaticNats(db, [address]);
    return { id: address.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('public_ip_address', id);
    return { success: true };
  },
});
