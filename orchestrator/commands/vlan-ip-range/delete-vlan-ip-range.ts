import type { Trx } from '../../store/database.ts';
import { syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** Throws 536 where a system VM has an address of the range. */
async function refuseSystemVms(db: Trx, rangeId: string): Promise<void> {
  const vm = await db
    .selectFrom('system_vm')
    .innerJoin('public_ip_address', 'public_ip_address.id', 'system_vm.public_ip_address_id')
    .select(['system_vm.name', 'address'])
    .where('vlan_ip_range_id', '=', rangeId)
    .executeTakeFirst();
  if (vm === undefined) return;
  const advice = 'set consoleproxy.launch.max to 0 for the time, and destroySystemVm it';
  throw new ApiError('inUse', `The range of parameter id holds ${vm.address} of the system VM ${vm.name}: ${advice}`);
}

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
    await refuseSystemVms(db, range.id);
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
