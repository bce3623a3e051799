import { syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** deleteVlanIpRange: only while none of its addresses is in use. */
export const deleteVlanIpRange = syncCommand({
  name: 'deleteVlanIpRange',
  description: 'Deletes a range of public addresses',
  roles: ['Admin'],
  parameters: { id: p.entity('vlan_ip_range').required('The id of the range') },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db, event }, { id: range }) => {
    const addresses = await db
      .selectFrom('public_ip_address')
      .select(['address', 'state'])
      .where('vlan_ip_range_id', '=', range.id)
      .forUpdate()
      .execute();
    const used = addresses.find(({ state }) => state !== 'Free');
    if (used !== undefined) {
      throw new ApiError('inUse', `The range of parameter id holds ${used.address}, which is in use: release it first`);
    }
    await db.deleteFrom('vlan_ip_range').where('id', '=', range.id).execute();
    await event('VLAN.IP.RANGE.DELETE', `Deleted range ${range.start_ip}-${range.end_ip}`, {
      type: 'VlanIpRange',
      id: range.id,
    });
    return { success: true };
  },
});
