import { syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** deleteNetworkOffering: only one that no network has. */
export const deleteNetworkOffering = syncCommand({
  name: 'deleteNetworkOffering',
  description: 'Deletes a network offering',
  roles: ['Admin'],
  parameters: { id: p.entity('network_offering').required('The id of the offering') },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db, event }, { id: offering }) => {
    if (offering.is_default) {
      throw new ApiError(
        'parameter',
        `The network offering ${offering.name} of parameter id is built in: expected another`,
      );
    }
    const user = await db
      .selectFrom('network')
      .select('name')
      .where('network_offering_id', '=', offering.id)
      .executeTakeFirst();
    if (user !== undefined) {
      throw new ApiError(
        'inUse',
        `The network offering of parameter id is in use by network ${user.name}: disable it instead`,
      );
    }
    await db.deleteFrom('network_offering').where('id', '=', offering.id).execute();
    await event('NETWORK.OFFERING.DELETE', `Deleted network offering ${offering.name}`);
    return { success: true };
  },
});
