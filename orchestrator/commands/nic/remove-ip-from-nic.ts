import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { lockNic } from './lock.ts';
import { refuseWhileUsed } from './uses.ts';

/** Takes a further address from a NIC. */
export const removeIpFromNic = asyncCommand({
  name: 'removeIpFromNic',
  description: 'Takes a further address, which no rule leads to, from its NIC',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('nic_secondary_address').required('The id of the address, as addIpToNic answers it') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'NIC.SECONDARY.IP.UNASSIGN',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id: row }) => {
    const found = await db.selectFrom('nic').selectAll().where('id', '=', row.nic_id).executeTakeFirst();
    if (found === undefined) throw parameterError('id', row.id, 'an address of a NIC that is there');
    const { nic, machine } = await lockNic(db, found, ['Running', 'Stopped'], 'id');
    await refuseWhileUsed(db, nic, row.address);
    await db.deleteFrom('nic_secondary_address').where('id', '=', row.id).execute();
    return { id: machine.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.plugNics(id);
    return { success: true };
  },
});
