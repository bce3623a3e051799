import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { userDataParameters } from '../user-data/of-instance.ts';
import { lockForAction } from './lock.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from './response.ts';
import { setUserData } from './set-user-data.ts';

export const resetUserDataForVirtualMachine = syncCommand({
  name: 'resetUserDataForVirtualMachine',
  description: "Gives a stopped instance other user data; without any, its template's or none",
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('virtual_machine').required('The instance, stopped'),
    ...userDataParameters,
    account: p.text.optional('Accepted for the clients that send it'),
    domainid: p.entity('domain').optional('Accepted for the clients that send it'),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  handler: async (context, { id: { id }, ...given }) => {
    const { db } = context;
    const machine = await lockForAction(db, id, 'reset');
    await setUserData(context, machine, given);
    await context.event('VM.RESETUSERDATA', `Reset the user data of instance ${machine.name}`, {
      type: 'VirtualMachine',
      id,
      owner: { accountId: machine.account_id, domainId: machine.domain_id },
    });
    return presentVirtualMachine(context, id);
  },
  afterCommit: ({ orchestration }, { id: { id } }) => orchestration.settleNics(id),
});
