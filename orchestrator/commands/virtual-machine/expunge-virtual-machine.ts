import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { destroy, revokeRulesOfMachine } from './destroy.ts';
import { lockForAction } from './lock.ts';

export const expungeVirtualMachine = asyncCommand({
  name: 'expungeVirtualMachine',
  description: 'Removes a destroyed instance for good',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance'),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'VM.EXPUNGE',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id }) => {
    await lockForAction(db, id.id, 'expunge');
    await revokeRulesOfMachine(db, id.id);
    return { id: id.id };
  },
  execute: async (context, id) => {
    await destroy(context, id, true);
    return { success: true };
  },
});
