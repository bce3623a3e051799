import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { nicResponseFields } from './nic-response.ts';
import { nicsByMachine, presentNics } from './nics.ts';

// The instance, which the caller may name, says whose NICs they are; the ownership filters of other lists mean nothing
// here, and an instance has a handful at most. So this list is a sync command.
export const listNics = syncCommand({
  name: 'listNics',
  description: 'Lists the NICs of an instance',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    virtualmachineid: p.entity('virtual_machine').required('The instance'),
    nicid: p.entity('nic').optional('List this NIC'),
    networkid: p.entity('network').optional('List by network'),
    fordisplay: p.boolean.optional('False: NICs that are not shown; there are none'),
  },
  responseKey: null,
  responseFields: nicResponseFields,
  handler: async (context, { virtualmachineid, nicid, networkid, fordisplay }) => {
    const nics = (await nicsByMachine(context.db, [virtualmachineid.id])).get(virtualmachineid.id) ?? [];
    const wanted = nics.filter(
      (nic) =>
        fordisplay !== false &&
        (nicid === undefined || nic.id === nicid.id) &&
        (networkid === undefined || nic.network_id === networkid.id),
    );
    return wanted.length === 0 ? {} : { count: wanted.length, nic: await presentNics(context, wanted) };
  },
});
