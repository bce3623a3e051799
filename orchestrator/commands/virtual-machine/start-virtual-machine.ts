import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedFlag } from '../unserved.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

export const startVirtualMachine = asyncCommand({
  name: 'startVirtualMachine',
  description: 'Starts a stopped instance',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance'),
    hostid: p.entity('host').optional('The host to start it on', { roles: ['Admin'] }),
    considerlasthost: p.boolean.optional('Accepted for the clients that send it'),
    bootintosetup: unservedFlag('instances have no firmware setup'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.START',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id, hostid: host }) => {
    const machine = await lockForAction(db, id.id, 'start');
    if (host !== undefined) {
      if (host.zone_id !== machine.zone_id) throw parameterError('hostid', host.id, "a host of the instance's zone");
      await db.updateTable('virtual_machine').set({ host_id: host.id }).where('id', '=', machine.id).execute();
    }
    return { id: machine.id };
  },
  execute: async (context, id) => {
    await context.orchestration.startVirtualMachine(id);
    return presentVirtualMachine(context, id);
  },
});
