import { storedCidrList } from '../../model/firewall-rule.ts';
import {
  checkAlgorithm,
  type LoadBalancerProtocol,
  loadBalancerProtocols,
  refuseOfUdp,
} from '../../model/load-balancer.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import {
  algorithmParameter,
  cidrListParameter,
  customIdParameter,
  limitColumns,
  limitParameters,
} from './parameters.ts';
import { loadBalancerResponseFields, presentLoadBalancer } from './response.ts';
import { changeLoadBalancer, type LoadBalancer, lockLoadBalancer } from './rule-rows.ts';

export const updateLoadBalancerRule = asyncCommand({
  name: 'updateLoadBalancerRule',
  description: 'Changes a load balancer rule; it serves on while it changes',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('load_balancer_rule').required('The load balancer rule'),
    name: p.name.optional('Its name'),
    description: p.text.optional('Its description', { maxLength: 4096 }),
    algorithm: algorithmParameter.optional('roundrobin, leastconn or source'),
    protocol: p.oneOf<LoadBalancerProtocol>(...loadBalancerProtocols).optional('tcp, tcp-proxy or ssl; udp stays udp'),
    cidrlist: cidrListParameter,
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
    customid: customIdParameter,
    ...limitParameters,
  },
  responseKey: 'loadbalancer',
  responseFields: loadBalancerResponseFields,
  eventType: 'LB.UPDATE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { id, ...parameters }) => {
    const rule = await lockLoadBalancer(db, 'id', id.id);
    const { name, description, algorithm, protocol, cidrlist } = parameters;
    if (protocol !== undefined) checkProtocol(rule, protocol);
    checkAlgorithm(protocol ?? rule.protocol, algorithm ?? rule.algorithm);
    await changeLoadBalancer(db, rule, {
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      ...(algorithm !== undefined && { algorithm }),
      ...(protocol !== undefined && { protocol }),
      ...(cidrlist !== undefined && { cidr_list: storedCidrList('cidrlist', cidrlist) }),
      ...limitColumns(parameters),
    });
    return { id: rule.id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleRule('load_balancer_rule', id);
    return presentLoadBalancer(context, id);
  },
});

/** The port stays the same one, and what was assigned to the rule has to go on making sense. */
function checkProtocol(rule: LoadBalancer, protocol: LoadBalancerProtocol): void {
  if ((rule.protocol === 'udp') !== (protocol === 'udp')) {
    throw parameterError('protocol', protocol, `a protocol of the same ports as ${rule.protocol}: udp has its own`);
  }
  if (rule.stickiness !== null) refuseOfUdp(protocol, 'protocol', protocol, 'stickiness');
  if (protocol !== 'ssl' && rule.certificate_ids.length > 0) {
    throw parameterError('protocol', protocol, 'ssl while certificates are assigned: removeCertFromLoadBalancer first');
  }
}
