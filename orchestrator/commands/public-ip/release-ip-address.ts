import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** Ends a reservation. */
export const releaseIpAddress = syncCommand({
  name: 'releaseIpAddress',
  description: 'Gives a public IP address that was reserved back to everybody',
  roles: ['Admin'],
  parameters: { id: p.entity('public_ip_address').required('The public IP address') },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db, event }, { id: address }) => {
    const { numUpdatedRows } = await db
      .updateTable('public_ip_address')
      .set({ state: 'Free', account_id: null, domain_id: null, network_id: null })
      .where('id', '=', address.id)
      .where('state', '=', 'Reserved')
      .executeTakeFirst();
    if (numUpdatedRows === 0n) {
      throw parameterError('id', address.id, `a public IP address in state Reserved; it is in state ${address.state}`);
    }
    await event('NET.IPRELEASE', `Gave ${address.address} back`, { type: 'IpAddress', id: address.id });
    return { success: true };
  },
});
