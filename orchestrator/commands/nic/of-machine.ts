import { p } from '../parameter.ts';
import { virtualMachineResponseFields } from '../virtual-machine/response.ts';

/** What commands on a NIC of an instance take, and that they answer with the instance. */
export const nicOfMachine = {
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    virtualmachineid: p.entity('virtual_machine').required('The instance'),
    nicid: p.entity('nic').required('The NIC'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  creates: false,
} as const;
