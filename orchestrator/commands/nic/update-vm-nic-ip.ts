import { touchNic } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from '../virtual-machine/response.ts';
import { freeGuestAddress } from './guest-address.ts';
import { lockNic, refuseLeaving } from './lock.ts';

/** Gives a NIC of a stopped instance another address. Rules that led to it lead to the new one. */
export const updateVmNicIp = asyncCommand({
  name: 'updateVmNicIp',
  description: 'Gives a NIC of a stopped instance another address; rules that lead to it follow',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    nicid: p.entity('nic').required('The NIC'),
    ipaddress: p.ipv4.optional('The new address; by default the lowest free one'),
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'NIC.UPDATE',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { nicid, ipaddress }) => {
    const { nic, machine, network } = await lockNic(db, nicid, ['Stopped']);
    refuseLeaving('nicid', nic);
    if (ipaddress === nic.address) return { id: machine.id };
    const address = await freeGuestAddress(db, network, ipaddress);
    await db.updateTable('nic').set({ address }).where('id', '=', nic.id).execute();
    await db
      .updateTable('load_balancer_member')
      .set({ address })
      .where('nic_id', '=', nic.id)
      .where('address', '=', nic.address)
      .execute();
    await touchNic(db, nic);
    return { id: machine.id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleNics(id);
    return presentVirtualMachine(context, id);
  },
});
