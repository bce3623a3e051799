import { storedCidrList } from '../../model/firewall-rule.ts';
import {
  checkAlgorithm,
  type LoadBalancerProtocol,
  loadBalancerProtocols,
  transportOf,
} from '../../model/load-balancer.ts';
import { touch } from '../../store/network-change.ts';
import { asyncCommand, type CommandContext } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { openFirewall } from '../firewall/open-firewall.ts';
import { requireService } from '../network/require-service.ts';
import { p } from '../parameter.ts';
import { checkNetworkOfAddress } from '../port-forwarding/target.ts';
import { lockPublicIp, type UsableAddress } from '../public-ip/lock.ts';
import { algorithmParameter, cidrListParameter, limitColumns, limitParameters } from './parameters.ts';
import { refusePortsOfForwards, refusePortsOfLoadBalancers } from './port-conflicts.ts';
import { loadBalancerResponseFields, presentLoadBalancer } from './response.ts';
import { settleLoadBalancer, withdrawLoadBalancer } from './rule-rows.ts';

export const createLoadBalancerRule = asyncCommand({
  name: 'createLoadBalancerRule',
  description:
    'Shares the connections to a port of a public IP address between instances, and opens the firewall for it unless told not to. A rule of protocol ssl serves once a certificate is assigned to it.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('Its name'),
    description: p.text.optional('Its description', { maxLength: 4096 }),
    algorithm: algorithmParameter.required('roundrobin, leastconn or source'),
    publicport: p.port.required('The public port'),
    privateport: p.port.required("The instances' port"),
    publicipid: p
      .entity('public_ip_address')
      .optional('The public IP address; required, as none is acquired for a rule'),
    zoneid: p.entity('zone').optional('The zone of the public IP address; needs publicipid beside it'),
    networkid: p.entity('network').optional('The network: that of the public IP address'),
    protocol: p
      .oneOf<LoadBalancerProtocol>(...loadBalancerProtocols)
      .optional('tcp (the default), udp, tcp-proxy (tcp, with the PROXY protocol to instances) or ssl'),
    openfirewall: p.boolean.optional('False: no firewall rule is made; by default one for the public port is'),
    cidrlist: cidrListParameter,
    account: p.text.optional('The account of the public IP address; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
    ...limitParameters,
  },
  responseKey: 'loadbalancer',
  responseFields: loadBalancerResponseFields,
  eventType: 'LB.CREATE',
  instanceType: 'LoadBalancerRule',
  creates: true,
  prepare: async (context, parameters) => {
    const { db } = context;
    const { publicipid, publicport, protocol = 'tcp' } = parameters;
    if (publicipid === undefined) {
      throw new ApiError(
        'parameter',
        'Unable to execute API command createloadbalancerrule due to missing parameter publicipid: expected a value, as no address is acquired for a rule by its zone',
      );
    }
    checkAlgorithm(protocol, parameters.algorithm);
    const cidrs = storedCidrList('cidrlist', parameters.cidrlist);
    const address = await lockPublicIp(db, 'publicipid', publicipid.id);
    checkNetworkOfAddress(parameters.networkid?.id, address);
    await checkOwner(context, parameters, address);
    if (parameters.zoneid !== undefined && parameters.zoneid.id !== address.zone_id) {
      throw parameterError('zoneid', parameters.zoneid.id, `the zone of the public IP address (${address.zone_id})`);
    }
    await requireService(db, address.network_id, 'Lb', { name: 'publicipid', value: address.id });
    const transport = transportOf(protocol);
    const ports = { protocol: transport, first: publicport, last: publicport };
    await refusePortsOfForwards(db, address, ports, 'publicport');
    await refusePortsOfLoadBalancers(db, address, ports, 'publicport');
    const { id } = await db
      .insertInto('load_balancer_rule')
      .values({
        network_id: address.network_id,
        public_ip_address_id: address.id,
        name: parameters.name,
        description: parameters.description ?? null,
        public_port: publicport,
        private_port: parameters.privateport,
        protocol,
        algorithm: parameters.algorithm,
        cidr_list: cidrs,
        client_timeout_ms: null,
        server_timeout_ms: null,
        connect_timeout_ms: null,
        max_connections: null,
        ...limitColumns(parameters),
        state: 'Add',
        account_id: address.account_id,
        domain_id: address.domain_id,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await touch(db, address.network_id, 'loadBalancing.rules', id);
    if (parameters.openfirewall !== false) {
      // For anyone: the rule itself says whose connections it takes, also after it is updated.
      await openFirewall(db, address, { ...ports, cidrs: '' }, { load_balancer_rule_id: id });
    }
    return { id };
  },
  execute: async (context, id) => {
    const { db, orchestration } = context;
    try {
      await settleLoadBalancer(db, orchestration, id);
    } catch (error) {
      await withdrawLoadBalancer(db, orchestration, id);
      throw error;
    }
    return presentLoadBalancer(context, id);
  },
});

/** A rule belongs to whom its address belongs to: an account that is named must be that one. */
async function checkOwner(
  context: CommandContext,
  named: { account?: string | undefined; domainid?: { id: string } | undefined },
  address: UsableAddress,
): Promise<void> {
  if (named.account === undefined) return;
  const { accountId } = await context.owner(named);
  if (accountId !== address.account_id) {
    throw parameterError(
      'account',
      named.account,
      `the account that the public IP address ${address.address} belongs to`,
    );
  }
}
