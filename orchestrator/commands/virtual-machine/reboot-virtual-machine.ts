import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

export const rebootVirtualMachine = asyncCommand({
  name: 'rebootVirtualMachine',
  description: 'Reboots a running instance',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance'),
    forced: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.REBOOT',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id }) => ({ id: (await lockForAction(db, id.id, 'reboot')).id }),
  execute: async (context, id) => {
    await context.orchestration.rebootVirtualMachine(id);
    return presentVirtualMachine(context, id);
  },
});
