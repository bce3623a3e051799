import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentServiceOffering, serviceOfferingFields } from './response.ts';

/** updateServiceOffering: its names and state; its size is what instances were promised. */
export const updateServiceOffering = syncCommand({
  name: 'updateServiceOffering',
  description: 'Updates a service offering',
  roles: ['Admin'],
  parameters: {
    id: p.entity('service_offering').required('The id of the offering'),
    name: p.name.optional('Its new name'),
    displaytext: p.text.optional('Its new description'),
    state: p.oneOf('Active', 'Inactive').optional('Inactive: new VMs may not take it'),
  },
  responseKey: 'serviceoffering',
  responseFields: serviceOfferingFields,
  handler: async ({ db, event }, { id: before, name, displaytext, state }) => {
    const row = await db
      .updateTable('service_offering')
      .set({
        name: name ?? before.name,
        display_text: displaytext ?? before.display_text,
        state: state ?? before.state,
      })
      .where('id', '=', before.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    await event('SERVICE.OFFERING.EDIT', `Updated service offering ${row.name}`, {
      type: 'ServiceOffering',
      id: row.id,
    });
    return presentServiceOffering(row);
  },
});
