import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentPublicIp, publicIpResponseFields } from './response.ts';

/** Keeps a free address for an account, which acquires it by associateIpAddress with `ipaddress`. */
export const reserveIpAddress = syncCommand({
  name: 'reserveIpAddress',
  description: 'Keeps a free public IP address for an account, which then acquires it by its address',
  roles: ['Admin'],
  parameters: {
    id: p.entity('public_ip_address').required('The public IP address'),
    account: p.text.optional('The account; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'ipaddress',
  responseFields: publicIpResponseFields,
  handler: async (context, { id: address, ...named }) => {
    const owner = await context.owner(named);
    const { numUpdatedRows } = await context.db
      .updateTable('public_ip_address')
      .set({ state: 'Reserved', account_id: owner.accountId, domain_id: owner.domainId })
      .where('id', '=', address.id)
      .where('state', '=', 'Free')
      .executeTakeFirst();
    if (numUpdatedRows === 0n) {
      throw parameterError('id', address.id, `a public IP address in state Free; it is in state ${address.state}`);
    }
    await context.event('NET.IPRESERVE', `Reserved ${address.address}`, { type: 'IpAddress', id: address.id, owner });
    return presentPublicIp(context, address.id);
  },
});
