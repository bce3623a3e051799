import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';
import { freeGuestAddress } from './guest-address.ts';
import { lockNic, refuseLeaving } from './lock.ts';

/** Further addresses that a NIC has at most. */
const mostAddresses = 32;

/** Gives a NIC a further address, which its instance may use and rules may lead to. */
export const addIpToNic = asyncCommand({
  name: 'addIpToNic',
  description: 'Gives a NIC a further address, which static NAT, port forwards and load balancers may lead to',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    nicid: p.entity('nic').required('The NIC'),
    ipaddress: p.ipv4.optional('The address; by default the lowest free one'),
  },
  responseKey: 'nicsecondaryip',
  responseFields: {
    id: field.string('The id of the address'),
    ipaddress: field.string('The address'),
    nicid: field.string('The id of the NIC'),
    networkid: field.string('The id of the network'),
    virtualmachineid: field.string('The id of the instance'),
  },
  eventType: 'NIC.SECONDARY.IP.ASSIGN',
  instanceType: 'NicSecondaryIp',
  creates: true,
  prepare: async ({ db }, { nicid, ipaddress }) => {
    const { nic, network } = await lockNic(db, nicid, ['Running', 'Stopped']);
    refuseLeaving('nicid', nic);
    const had = await db.selectFrom('nic_secondary_address').select('id').where('nic_id', '=', nic.id).execute();
    if (had.length >= mostAddresses) {
      throw parameterError('nicid', nic.id, `a NIC with less than ${mostAddresses} further addresses`);
    }
    const address = await freeGuestAddress(db, network, ipaddress);
    return db
      .insertInto('nic_secondary_address')
      .values({ nic_id: nic.id, network_id: network.id, address })
      .returning('id')
      .executeTakeFirstOrThrow();
  },
  execute: async ({ db, orchestration }, id) => {
    const row = await db
      .selectFrom('nic_secondary_address')
      .innerJoin('nic', 'nic.id', 'nic_secondary_address.nic_id')
      .select(['nic_secondary_address.address', 'nic.id as nicId', 'nic.network_id', 'nic.virtual_machine_id'])
      .where('nic_secondary_address.id', '=', id)
      .executeTakeFirst();
    if (row === undefined) return {};
    await orchestration.plugNics(row.virtual_machine_id);
    return {
      id,
      ipaddress: row.address,
      nicid: row.nicId,
      networkid: row.network_id,
      virtualmachineid: row.virtual_machine_id,
    };
  },
});
