import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { keyPairParameters, keysOfInstance } from '../ssh-key-pair/of-instance.ts';
import { unservedParameter } from '../unserved.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';
import { touchMetadata } from './touch-metadata.ts';

export const resetSSHKeyForVirtualMachine = asyncCommand({
  name: 'resetSSHKeyForVirtualMachine',
  description: 'Gives a stopped instance other SSH keys, which its guest reads when it starts',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance, stopped'),
    ...keyPairParameters,
    account: p.text.optional("Accepted for the clients that send it: the instance's account is taken"),
    domainid: p.entity('domain').optional("Accepted for the clients that send it: the instance's account is taken"),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'VM.RESETSSHKEY',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { id: { id }, keypair, keypairs }) => {
    if (keypair === undefined && keypairs === undefined) {
      throw parameterError('keypair', '', 'the name of an SSH key pair, here or in keypairs');
    }
    const machine = await lockForAction(db, id, 'reset');
    const keys = await keysOfInstance(db, machine.account_id, { keypair, keypairs });
    await db.updateTable('virtual_machine').set(keys).where('id', '=', id).execute();
    await touchMetadata(db, id);
    return { id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleNics(id);
    return presentVirtualMachine(context, id);
  },
});
