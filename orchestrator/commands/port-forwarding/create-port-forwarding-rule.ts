import { sql } from 'kysely';
import { storedCidrList } from '../../model/firewall-rule.ts';
import { conflictingForward, forwardedPorts } from '../../model/port-forwarding.ts';
import type { Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import { asyncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { openFirewall } from '../firewall/open-firewall.ts';
import { cidrListOptions } from '../firewall/parameters.ts';
import { refusePortsOfLoadBalancers } from '../load-balancer/port-conflicts.ts';
import { requireService } from '../network/require-service.ts';
import { p } from '../parameter.ts';
import { lockPublicIp, type UsableAddress } from '../public-ip/lock.ts';
import { portForwardingResponseFields, presentPortForwardingRule } from './response.ts';
import { settleForward, withdrawForward } from './rule-rows.ts';
import { checkNetworkOfAddress, holdMachine, targetNic } from './target.ts';

interface Forward {
  readonly protocol: 'tcp' | 'udp';
  readonly public_start_port: number;
  readonly public_end_port: number;
}

export const createPortForwardingRule = asyncCommand({
  name: 'createPortForwardingRule',
  description:
    'Forwards ports of a public IP address to an instance, and opens the firewall for them unless told not to',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    ipaddressid: p.entity('public_ip_address').required('The public IP address'),
    protocol: p.oneOf('tcp', 'udp').required('The protocol: tcp or udp'),
    publicport: p.port.required('The first public port'),
    publicendport: p.port.optional('The last public port; by default publicport'),
    privateport: p.port.required("The first of the instance's ports"),
    privateendport: p.port.optional("The last of the instance's ports; by default privateport"),
    virtualmachineid: p.entity('virtual_machine').required('The instance'),
    networkid: p.entity('network').optional('The network: that of the public IP address'),
    vmguestip: p.ipv4.optional("The instance's address in the network"),
    openfirewall: p.boolean.optional('False: no firewall rule is made; by default one for the public ports is'),
    cidrlist: p.cidrList.optional(
      'The CIDRs that the firewall is opened for, comma-separated; by default anywhere',
      cidrListOptions,
    ),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'portforwardingrule',
  responseFields: portForwardingResponseFields,
  eventType: 'NET.RULEADD',
  instanceType: 'PortForwardingRule',
  creates: true,
  prepare: async ({ db }, parameters) => {
    const { ipaddressid, virtualmachineid, cidrlist, protocol, vmguestip } = parameters;
    const { publicPorts, privatePorts } = forwardedPorts(parameters);
    const cidrs = storedCidrList('cidrlist', cidrlist);
    if (cidrs !== '' && parameters.openfirewall === false) {
      throw parameterError('cidrlist', cidrs, 'openfirewall=true beside it, or createFirewallRule for the CIDRs');
    }
    await holdMachine(db, virtualmachineid.id);
    const address = await lockPublicIp(db, 'ipaddressid', ipaddressid.id);
    checkNetworkOfAddress(parameters.networkid?.id, address);
    const networkId = address.network_id;
    await requireService(db, networkId, 'PortForwarding', { name: 'ipaddressid', value: address.id });
    const { nic, privateAddress } = await targetNic(db, {
      virtualMachineId: virtualmachineid.id,
      networkId,
      vmguestip,
    });
    const forward = { protocol, public_start_port: publicPorts.first, public_end_port: publicPorts.last };
    await checkConflicts(db, address, forward);
    await refusePortsOfLoadBalancers(db, address, { protocol, ...publicPorts }, 'publicport');
    const { id } = await db
      .insertInto('port_forwarding_rule')
      .values({
        ...forward,
        network_id: networkId,
        public_ip_address_id: address.id,
        private_start_port: privatePorts.first,
        private_end_port: privatePorts.last,
        virtual_machine_id: virtualmachineid.id,
        nic_id: nic.id,
        private_address: privateAddress,
        cidr_list: cidrs,
        state: 'Add',
        account_id: address.account_id,
        domain_id: address.domain_id,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await touch(db, networkId, 'nat.portForwards', id);
    if (parameters.openfirewall !== false) {
      await openFirewall(db, address, { protocol, ...publicPorts, cidrs }, { port_forwarding_rule_id: id });
    }
    return { id };
  },
  execute: async (context, id) => {
    const { db, orchestration } = context;
    try {
      await settleForward(db, orchestration, id);
    } catch (error) {
      await withdrawForward(db, orchestration, id);
      throw error;
    }
    return presentPortForwardingRule(context, id);
  },
});

async function checkConflicts(db: Trx, address: UsableAddress, forward: Forward): Promise<void> {
  if (address.static_nat_nic_id !== null && address.static_nat_state !== 'Revoke') {
    throw parameterError('ipaddressid', address.id, `an address without static NAT, which ${address.address} has`);
  }
  const rules = await db
    .selectFrom('port_forwarding_rule')
    .selectAll()
    .where('public_ip_address_id', '=', address.id)
    .where('protocol', '=', forward.protocol)
    // As the index port_forwarding_rule_ports spells it.
    .where(
      sql<boolean>`int4range(public_start_port, public_end_port, '[]')
        && int4range(${forward.public_start_port}, ${forward.public_end_port}, '[]')`,
    )
    .where('state', '<>', 'Revoke')
    .execute();
  const conflict = conflictingForward(rules, forward);
  if (conflict === undefined) return;
  throw new ApiError(
    'conflict',
    `The range of publicport to publicendport, ${forward.public_start_port}-${forward.public_end_port}, of ${forward.protocol} on ${address.address} conflicts with rule ${conflict.id}, which forwards ${conflict.public_start_port}-${conflict.public_end_port}: expected ports that no rule forwards`,
  );
}
