import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { presentVirtualMachine } from '../virtual-machine/response.ts';
import { lockNic } from './lock.ts';
import { nicOfMachine } from './of-machine.ts';
import { refuseWhileUsed } from './uses.ts';

/** Takes a NIC from an instance, also while it runs. */
export const removeNicFromVirtualMachine = asyncCommand({
  ...nicOfMachine,
  name: 'removeNicFromVirtualMachine',
  description: 'Takes a NIC that is not the default one from an instance, with its lease and its names',
  eventType: 'NIC.DELETE',
  instanceType: 'Nic',
  prepare: async ({ db }, { virtualmachineid, nicid }) => {
    const { nic, machine } = await lockNic(db, nicid, ['Running', 'Stopped']);
    if (machine.id !== virtualmachineid.id) throw parameterError('nicid', nic.id, 'a NIC of the instance');
    if (nic.is_default) {
      throw parameterError('nicid', nic.id, 'a NIC that is not the default one (updateDefaultNicForVirtualMachine)');
    }
    await refuseWhileUsed(db, nic);
    await db.updateTable('nic').set({ is_leaving: true }).where('id', '=', nic.id).execute();
    return { id: nic.id };
  },
  execute: async (context, id) => {
    const nic = await context.db.selectFrom('nic').select('virtual_machine_id').where('id', '=', id).executeTakeFirst();
    if (nic === undefined) return {};
    try {
      await context.orchestration.removeNic(id);
    } catch (error) {
      await context.db.updateTable('nic').set({ is_leaving: false }).where('id', '=', id).execute();
      throw error;
    }
    return presentVirtualMachine(context, nic.virtual_machine_id);
  },
});
