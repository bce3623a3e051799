import { macFromNumber } from '@isthmus/net';
import { nextNumber } from '../../store/database.ts';
import { touchNic } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { lockNetwork } from '../network/lock.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { checkNameFree } from '../virtual-machine/insert-nics.ts';
import { presentVirtualMachine, virtualMachineResponseFields } from '../virtual-machine/response.ts';
import { dhcpOptionsParameter, setNicDhcpOptions } from './dhcp-options.ts';
import { freeGuestAddress } from './guest-address.ts';
import { lockMachineIn } from './lock.ts';

/** NICs that an instance has at most. */
export const mostNics = 8;

/** Gives an instance a NIC in a further network, also while it runs. */
export const addNicToVirtualMachine = asyncCommand({
  name: 'addNicToVirtualMachine',
  description: 'Gives an instance a NIC in a further network; one that runs gets it at once',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    virtualmachineid: p.entity('virtual_machine').required('The instance'),
    networkid: p.entity('network').required('The network, of the same account and zone'),
    ipaddress: p.ipv4.optional('The address of the NIC; by default the lowest free one'),
    macaddress: unservedParameter('MAC addresses are given by the installation'),
    dhcpoptions: dhcpOptionsParameter,
  },
  responseKey: 'virtualmachine',
  responseFields: virtualMachineResponseFields,
  eventType: 'NIC.CREATE',
  instanceType: 'VirtualMachine',
  creates: false,
  prepare: async ({ db }, { virtualmachineid, networkid, ipaddress, dhcpoptions = [] }) => {
    const network = await lockNetwork(db, networkid.id);
    const machine = await lockMachineIn(db, 'virtualmachineid', virtualmachineid.id, ['Running', 'Stopped']);
    if (network.account_id !== machine.account_id || network.zone_id !== machine.zone_id) {
      throw parameterError('networkid', network.id, "a network of the instance's account and zone");
    }
    const nics = await db.selectFrom('nic').selectAll().where('virtual_machine_id', '=', machine.id).execute();
    if (nics.some((nic) => nic.network_id === network.id)) {
      throw parameterError('networkid', network.id, 'a network that the instance has no NIC in yet');
    }
    if (nics.length >= mostNics) throw parameterError('virtualmachineid', machine.id, `at most ${mostNics} NICs`);
    await checkNameFree(db, [network.id], machine.name, null);
    const numbers = new Set(nics.map((nic) => nic.device_id));
    const free = Array.from({ length: mostNics }, (_, number) => number).find((number) => !numbers.has(number));
    const nic = await db
      .insertInto('nic')
      .values({
        virtual_machine_id: machine.id,
        network_id: network.id,
        address: await freeGuestAddress(db, network, ipaddress),
        mac_address: macFromNumber(await nextNumber(db, 'mac_number')),
        is_default: nics.length === 0,
        device_id: free ?? nics.length,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    await touchNic(db, nic);
    await setNicDhcpOptions(db, nic, dhcpoptions);
    return { id: machine.id };
  },
  execute: async (context, id) => {
    await context.orchestration.plugNics(id);
    return presentVirtualMachine(context, id);
  },
});
