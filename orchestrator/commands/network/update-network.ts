import { cidrContains, cidrRange, type Ipv4Cidr, prefixLengthOf } from '@isthmus/net';
import { parameterError } from '../../model/api-error.ts';
import { cidrWithin } from '../../model/ipv4-subnet.ts';
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { changeOffering, restoreOffering, settleOffering } from './change-offering.ts';
import { networkDhcpOptionsParameter, setNetworkDhcpOptions } from './dhcp-options.ts';
import { lockNetwork } from './lock.ts';
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
    dhcpoptions: networkDhcpOptionsParameter,
    networkofferingid: p
      .entity('network_offering')
      .optional('The offering to move to: of the same guest type and network mode. The router takes it in live.'),
    guestvmcidr: p.ipv4Cidr.optional(
      "The part of the network's CIDR that instances get addresses of; the rest is reserved",
    ),
    ip6dns1: p.ipv6.optional('The first IPv6 DNS server'),
    ip6dns2: p.ipv6.optional('The second IPv6 DNS server'),
    changecidr: p.boolean.optional('Accepted for the clients that send it'),
    forced: p.boolean.optional('True: rules of services that the new offering lacks go', { roles: ['Admin'] }),
    updateinsequence: p.boolean.optional('Accepted for the clients that send it'),
    customid: p.text.optional('Accepted for the clients that send it'),
    sourcenatipaddress: unservedParameter("a network's source NAT address cannot be changed"),
  },
  responseKey: 'network',
  responseFields: networkResponseFields,
  eventType: 'NETWORK.UPDATE',
  instanceType: 'Network',
  creates: false,
  prepare: async ({ db }, parameters) => {
    const network = await lockNetwork(db, parameters.id.id);
    if (parameters.dns2 !== undefined && parameters.dns1 === undefined && network.dns1 === null) {
      throw parameterError('dns2', parameters.dns2, 'parameter dns1 beside it');
    }
    if (parameters.ip6dns2 !== undefined && parameters.ip6dns1 === undefined && network.ip6_dns1 === null) {
      throw parameterError('ip6dns2', parameters.ip6dns2, 'parameter ip6dns1 beside it');
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
        ip6_dns1: parameters.ip6dns1 ?? network.ip6_dns1,
        ip6_dns2: parameters.ip6dns2 ?? network.ip6_dns2,
        ...(parameters.guestvmcidr !== undefined && (await guestRangeOf(db, network, parameters.guestvmcidr))),
      })
      .where('id', '=', network.id)
      .execute();
    if (parameters.dhcpoptions !== undefined) await setNetworkDhcpOptions(db, network.id, parameters.dhcpoptions);
    await touch(db, network.id, 'settings', '*');
    const offering = parameters.networkofferingid;
    if (offering !== undefined && offering.id !== network.network_offering_id) {
      await changeOffering(db, network, offering, { forced: parameters.forced === true });
    }
    return { id: network.id };
  },
  execute: async (context, id) => {
    const { db, orchestration } = context;
    try {
      if (await needsPublicNic(db, id)) await orchestration.restartNetwork(id, { cleanup: true });
      else await orchestration.applyChanges(id);
    } catch (error) {
      await db.transaction().execute((trx) => restoreOffering(trx, id));
      throw error;
    }
    await db.transaction().execute((trx) => settleOffering(trx, id));
    return presentNetwork(context, id);
  },
});

/** The columns of a network whose instances get addresses of a part of it. Throws 431 where one has another. */
async function guestRangeOf(db: Trx, network: EntityRow<'network'>, part: Ipv4Cidr) {
  if (!cidrWithin(part, network.cidr) || prefixLengthOf(part) > 30) {
    throw parameterError('guestvmcidr', part, `a network of at most 30 bits within ${network.cidr}`);
  }
  const nics = await db.selectFrom('nic').select('address').where('network_id', '=', network.id).execute();
  const outside = nics.find(({ address }) => !cidrContains(part, address));
  if (outside !== undefined) {
    throw parameterError(
      'guestvmcidr',
      part,
      `a network that holds every instance's address, such as ${outside.address}`,
    );
  }
  const isWhole = part === network.cidr;
  const { first, last } = cidrRange(part);
  return { guest_vm_cidr: isWhole ? null : part, start_ip: isWhole ? null : first, end_ip: isWhole ? null : last };
}

/** True where a network has a way out that its router was made without: no push gives it a NIC. */
async function needsPublicNic(db: Db, networkId: string): Promise<boolean> {
  const router = await db
    .selectFrom('router')
    .innerJoin('public_ip_address', 'public_ip_address.network_id', 'router.network_id')
    .select('router.id')
    .where('router.network_id', '=', networkId)
    .where('router.has_public_nic', '=', false)
    .where('router.state', '<>', 'Destroyed')
    .where('public_ip_address.is_source_nat', '=', true)
    .executeTakeFirst();
  return router !== undefined;
}
