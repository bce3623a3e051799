import { asyncCommand } from '../declaration.ts';
import { checkTargetHost, targetHostParameter } from '../host/target-host.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';

/** migrateVirtualMachine: a VM moves with its memory and disk while it runs; a namespace is started anew. */
export const migrateVirtualMachine = asyncCommand({
  name: 'migrateVirtualMachine',
  description: 'Moves a running instance to another host',
  roles: ['Admin'],
  parameters: {
    virtualmachineid: p.entity('virtual_machine').required('The instance'),
    hostid: targetHostParameter,
    autoselect: p.boolean.optional('Accepted for the clients that send it'),
    storageid: unservedParameter('instances have the disk of their host', 'uuid'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.MIGRATE',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { virtualmachineid, hostid }) => {
    const machine = await lockForAction(db, virtualmachineid.id, 'migrate');
    await checkTargetHost(db, hostid, machine.zone_id);
    return { id: machine.id };
  },
  execute: async (context, id, { hostid }) => {
    await context.orchestration.migrateVirtualMachine(id, hostid ?? null);
    return presentVirtualMachine(context, id);
  },
});
