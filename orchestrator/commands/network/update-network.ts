import { parameterError } from '../../model/api-error.ts';
import { touch } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { hasRouter, lockNetwork } from './lock.ts';
import { networkResponseFields, presentNetwork } from './response.ts';

const mtu = p.integer(576, 9216);

export const updateNetwork = asyncCommand({
  name: 'updateNetwork',
  description: 'Updates a network. What its router serves is applied before the job is done.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('network').required('The network'),
    name: p.name.optional('The new name'),
    displaytext: p.text.optional('The new display text'),
    networkdomain: p.fqdn.optional('The new DNS domain'),
    displaynetwork: p.boolean.optional('False: not shown to its users', { roles: ['Admin'] }),
    publicmtu: mtu.optional("MTU of the router's public side"),
    privatemtu: mtu.optional('MTU of the network'),
    dns1: p.ipv4.optional('The first DNS server to forward to'),
    dns2: p.ipv4.optional('The second DNS server to forward to'),
    networkofferingid: p.entity('network_offering').optional('The network offering: the one that it has'),
    changecidr: p.boolean.optional('Accepted for the clients that send it'),
    forced: p.boolean.optional('Accepted for the clients that send it'),
    updateinsequence: p.boolean.optional('Accepted for the clients that send it'),
    guestvmcidr: unservedParameter("a network's reserved range cannot be changed"),
    sourcenatipaddress: unservedParameter("a network's source NAT address cannot be changed"),
    ip6dns1: unservedParameter('guest networks have IPv4 alone'),
    ip6dns2: unservedParameter('guest networks have IPv4 alone'),
  },
  responseKey: 'network',
  responseFields: networkResponseFields,
  eventType: 'NETWORK.UPDATE',
  instanceType: 'Network',
  creates: false,
  prepare: async ({ db }, parameters) => {
    const network = await lockNetwork(db, parameters.id.id);
    const offering = parameters.networkofferingid;
    if (offering !== undefined && offering.id !== network.network_offering_id) {
      const expected = `the offering that it has (${network.network_offering_id}): another is not served yet`;
      throw parameterError('networkofferingid', offering.id, expected);
    }
    if (parameters.dns2 !== undefined && parameters.dns1 === undefined && network.dns1 === null) {
      throw parameterError('dns2', parameters.dns2, 'parameter dns1 beside it');
    }
    await db
      .updateTable('network')
      .set({
        name: parameters.name ?? network.name,
        display_text: parameters.displaytext ?? network.display_text,
        network_domain: parameters.networkdomain ?? network.network_domain,
        display_network: parameters.displaynetwork ?? network.display_network,
        public_mtu: parameters.publicmtu ?? network.public_mtu,
        private_mtu: parameters.privatemtu ?? network.private_mtu,
        dns1: parameters.dns1 ?? network.dns1,
        dns2: parameters.dns2 ?? network.dns2,
      })
      .where('id', '=', network.id)
      .execute();
    await touch(db, network.id, 'settings', '*');
    return { id: network.id };
  },
  execute: async (context, id, { networkdomain, publicmtu, privatemtu, dns1, dns2 }) => {
    const served = [networkdomain, publicmtu, privatemtu, dns1, dns2].some((value) => value !== undefined);
    const network = await context.db.selectFrom('network').select('state').where('id', '=', id).executeTakeFirst();
    if (served && network !== undefined && hasRouter(network)) {
      await context.orchestration.restartNetwork(id, { cleanup: false });
    }
    return presentNetwork(context, id);
  },
});
