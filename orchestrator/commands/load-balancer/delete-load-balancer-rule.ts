import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { revokeLoadBalancers, settleLoadBalancer } from './rule-rows.ts';

export const deleteLoadBalancerRule = asyncCommand({
  name: 'deleteLoadBalancerRule',
  description: 'Deletes a load balancer rule with its policies, and the firewall rule that it opened',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('load_balancer_rule').required('The load balancer rule') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.DELETE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { id }) => {
    await revokeLoadBalancers(db, [id]);
    return { id: id.id };
  },
  execute: async ({ db, orchestration }, id) => {
    await settleLoadBalancer(db, orchestration, id);
    return { success: true };
  },
});
