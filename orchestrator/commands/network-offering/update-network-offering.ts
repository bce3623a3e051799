import { defaultRouterOffering } from '../../store/router-offering.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { networkOfferingFields, presentNetworkOffering } from './response.ts';

/** updateNetworkOffering: its names, availability and state; a disabled one takes no new networks. */
export const updateNetworkOffering = syncCommand({
  name: 'updateNetworkOffering',
  description: 'Updates a network offering',
  roles: ['Admin'],
  parameters: {
    id: p.entity('network_offering').required('The id of the offering'),
    name: p.name.optional('Its new name'),
    displaytext: p.text.optional('Its new description'),
    availability: p.oneOf('Optional', 'Required').optional('Optional or Required'),
    state: p.oneOf('Enabled', 'Disabled').optional('Enabled or Disabled'),
  },
  responseKey: 'networkoffering',
  responseFields: networkOfferingFields,
  handler: async ({ db, event }, { id: before, name, displaytext, availability, state }) => {
    if (name !== undefined && name !== before.name) {
      const taken = await db.selectFrom('network_offering').select('id').where('name', '=', name).executeTakeFirst();
      if (taken !== undefined) throw parameterError('name', name, 'a name that no other network offering has');
    }
    const row = await db
      .updateTable('network_offering')
      .set({
        name: name ?? before.name,
        display_text: displaytext ?? before.display_text,
        availability: availability ?? before.availability,
        state: state ?? before.state,
      })
      .where('id', '=', before.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('NETWORK.OFFERING.EDIT', `Updated network offering ${row.name}`, {
      type: 'NetworkOffering',
      id: row.id,
    });
    return presentNetworkOffering(row, await defaultRouterOffering(db));
  },
});
