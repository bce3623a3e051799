import { sql } from 'kysely';
import { touchNic } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { lockNetwork } from '../network/lock.ts';
import { presentVirtualMachine } from '../virtual-machine/response.ts';
import { lockMachineIn, refuseLeaving } from './lock.ts';
import { nicOfMachine } from './of-machine.ts';

/** Makes another NIC the default one: the one whose lease names a router and resolvers. */
export const updateDefaultNicForVirtualMachine = asyncCommand({
  ...nicOfMachine,
  name: 'updateDefaultNicForVirtualMachine',
  description:
    'Makes a NIC the default one of its instance; its lease names router and resolvers from its next renewal',
  eventType: 'NIC.UPDATE',
  instanceType: 'VirtualMachine',
  prepare: async ({ db }, { virtualmachineid, nicid }) => {
    const before = await db
      .selectFrom('nic')
      .selectAll()
      .where('virtual_machine_id', '=', virtualmachineid.id)
      .orderBy('network_id')
      .execute();
    for (const { network_id } of before) await lockNetwork(db, network_id);
    const machine = await lockMachineIn(db, 'virtualmachineid', virtualmachineid.id, ['Running', 'Stopped']);
    const nic = await db.selectFrom('nic').selectAll().where('id', '=', nicid.id).executeTakeFirst();
    if (nic?.virtual_machine_id !== machine.id) throw parameterError('nicid', nicid.id, 'a NIC of the instance');
    refuseLeaving('nicid', nic);
    if (nic.is_default) throw parameterError('nicid', nicid.id, 'a NIC that is not the default one already');
    await db
      .updateTable('nic')
      .set({ is_default: sql<boolean>`id = ${nicid.id}` })
      .where('virtual_machine_id', '=', machine.id)
      .execute();
    for (const each of before) await touchNic(db, each);
    return { id: machine.id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleNics(id);
    return presentVirtualMachine(context, id);
  },
});
