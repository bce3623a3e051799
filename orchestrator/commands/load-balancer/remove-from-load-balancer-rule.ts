import { asyncCommand } from '../declaration.ts';
import { successFields } from '../response-field.ts';
import { memberParameters, namedMembers, placesOf, revokeMembers, settleMembers } from './member-rows.ts';
import { lockLoadBalancer } from './rule-rows.ts';

export const removeFromLoadBalancerRule = asyncCommand({
  name: 'removeFromLoadBalancerRule',
  description:
    'Takes instances from behind a load balancer rule: they get no new connections and requests, and finish those that they have',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: memberParameters,
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.REMOVE.FROM.RULE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async (context, { id, ...named }) => {
    const { db } = context;
    const members = await namedMembers(context, named);
    const rule = await lockLoadBalancer(db, 'id', id.id);
    await revokeMembers(db, await placesOf(db, rule, members));
    return { id: rule.id };
  },
  execute: async ({ db, orchestration }, id) => {
    await settleMembers(db, orchestration, id);
    return { success: true };
  },
});
