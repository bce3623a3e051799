import { asyncCommand } from '../declaration.ts';
import { holdMachine } from '../port-forwarding/target.ts';
import { successFields } from '../response-field.ts';
import { addMembers, memberParameters, namedMembers, settleMembers } from './member-rows.ts';
import { lockLoadBalancer } from './rule-rows.ts';

export const assignToLoadBalancerRule = asyncCommand({
  name: 'assignToLoadBalancerRule',
  description: 'Puts instances behind a load balancer rule, by one or several of their addresses',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: memberParameters,
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.ASSIGN.TO.RULE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async (context, { id, ...named }) => {
    const { db } = context;
    const members = await namedMembers(context, named);
    for (const { machineId, parameter } of members) await holdMachine(db, machineId, parameter);
    const rule = await lockLoadBalancer(db, 'id', id.id);
    await addMembers(db, rule, members);
    return { id: rule.id };
  },
  execute: async ({ db, orchestration }, id) => {
    await settleMembers(db, orchestration, id);
    return { success: true };
  },
});
