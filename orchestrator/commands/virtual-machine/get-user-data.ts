import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

export const getVirtualMachineUserData = syncCommand({
  name: 'getVirtualMachineUserData',
  description: 'Tells the user data that an instance reads',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { virtualmachineid: p.entity('virtual_machine').required('The instance') },
  responseKey: 'virtualmachineuserdata',
  responseFields: {
    virtualmachineid: field.string('The id of the instance'),
    userdata: field.string('Its user data in Base64'),
  },
  handler: async (_context, { virtualmachineid: machine }) => ({
    virtualmachineid: machine.id,
    userdata: machine.user_data ?? undefined,
  }),
});
