import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

export const stopVirtualMachine = asyncCommand({
  name: 'stopVirtualMachine',
  description: 'Stops an instance',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance'),
    forced: p.boolean.optional('True: its processes are killed'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.STOP',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id }) => ({ id: (await lockForAction(db, id.id, 'stop')).id }),
  execute: async (context, id, { forced }) => {
    await context.orchestration.stopVirtualMachine(id, { forced: forced === true });
    return presentVirtualMachine(context, id);
  },
});
