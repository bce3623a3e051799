import { syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** deleteServiceOffering: only one that no instance, router or network offering has; another is made Inactive. */
export const deleteServiceOffering = syncCommand({
  name: 'deleteServiceOffering',
  description: 'Deletes a service offering',
  roles: ['Admin'],
  parameters: { id: p.entity('service_offering').required('The id of the offering') },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db, event }, { id: offering }) => {
    if (offering.is_default) {
      throw new ApiError(
        'parameter',
        `The service offering ${offering.name} of parameter id is built in: expected another`,
      );
    }
    const users = await db
      .selectFrom('virtual_machine')
      .select('id')
      .where('service_offering_id', '=', offering.id)
      .unionAll(db.selectFrom('router').select('id').where('service_offering_id', '=', offering.id))
      .unionAll(db.selectFrom('network_offering').select('id').where('service_offering_id', '=', offering.id))
      .execute();
    if (users.length > 0) {
      await db.updateTable('service_offering').set({ state: 'Inactive' }).where('id', '=', offering.id).execute();
    } else {
      await db.deleteFrom('service_offering').where('id', '=', offering.id).execute();
    }
    await event('SERVICE.OFFERING.DELETE', `Deleted service offering ${offering.name}`);
    return { success: true };
  },
});
