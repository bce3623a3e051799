import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { destroy, revokeRulesOfMachine } from './destroy.ts';
import { lockForAction } from './lock.ts';
import { virtualMachineResponseFields } from './response.ts';

export const destroyVirtualMachine = asyncCommand({
  name: 'destroyVirtualMachine',
  description: 'Destroys an instance and revokes the rules that lead to it',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance'),
    expunge: p.boolean.optional('True: it is removed for good'),
    volumeids: unservedParameter('instances have the disk of their template alone', 'list'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.DESTROY',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id }) => {
    await lockForAction(db, id.id, 'destroy');
    await revokeRulesOfMachine(db, id.id);
    return { id: id.id };
  },
  execute: (context, id, { expunge }) => destroy(context, id, expunge === true),
});
