import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

export const recoverVirtualMachine = syncCommand({
  name: 'recoverVirtualMachine',
  description: 'Makes a destroyed instance a stopped one. Its rules do not come back.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('virtual_machine').required('The instance') },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  handler: async (context, { id }) => {
    const machine = await lockForAction(context.db, id.id, 'recover');
    await context.db.updateTable('virtual_machine').set({ state: 'Stopped' }).where('id', '=', machine.id).execute();
    await context.event('VM.RECOVER', `Recovered instance ${machine.name}`, {
      type: 'VirtualMachine',
      id: machine.id,
      owner: { accountId: machine.account_id, domainId: machine.domain_id },
    });
    return presentVirtualMachine(context, machine.id);
  },
});
