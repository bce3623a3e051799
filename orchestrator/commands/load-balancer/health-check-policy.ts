// The four commands of health check policies. A rule has one at most, which is part of its row.
import { randomUUID } from 'node:crypto';
import { healthCheckPolicy, refuseOfUdp } from '../../model/load-balancer.ts';
import type { Db } from '../../store/database.ts';
import { asyncCommand, type ResponseObject, syncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { customIdParameter } from './parameters.ts';
import { healthCheckResponseFields, presentHealthCheck } from './policy-response.ts';
import { changeLoadBalancer, type LoadBalancer, lockLoadBalancer } from './rule-rows.ts';

const fordisplay = p.boolean.optional('Accepted for the clients that send it');
const checkParameters = {
  description: p.text.optional('Its description'),
  pingpath: p.text.optional('Path that answers 2xx or 3xx to a GET; without it a TCP connection is enough', {
    maxLength: 256,
  }),
  responsetimeout: p.integer(1, 60).optional('Seconds that an answer may take; 5 by default'),
  intervaltime: p.integer(1, 20_940).optional('Seconds between two checks; 5 by default'),
  healthythreshold: p.integer(1, 100).optional('Checks that have to succeed until an instance is up; 2 by default'),
  unhealthythreshold: p.integer(1, 100).optional('Checks that have to fail until an instance is down; 10 by default'),
  fordisplay,
} as const;

/** The rule of a policy by the policy's id; undefined where it is gone. */
function ruleOfPolicy(db: Db, id: string): Promise<LoadBalancer | undefined> {
  return db
    .selectFrom('load_balancer_rule')
    .selectAll()
    .where('id', 'in', (policies) =>
      policies.selectFrom('load_balancer_health_check_policy').select('load_balancer_rule_id').where('id', '=', id),
    )
    .executeTakeFirst();
}

async function present(db: Db, id: string): Promise<ResponseObject> {
  const rule = await ruleOfPolicy(db, id);
  return (rule === undefined ? null : await presentHealthCheck(db, rule)) ?? {};
}

export const createLBHealthCheckPolicy = asyncCommand({
  name: 'createLBHealthCheckPolicy',
  description:
    'Says how the instances behind a load balancer rule are checked; without a policy it is by a TCP connection every 2 seconds',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    lbruleid: p.entity('load_balancer_rule').required('The load balancer rule, which has no health check policy yet'),
    ...checkParameters,
  },
  responseKey: 'healthcheckpolicies',
  responseFields: healthCheckResponseFields,
  eventType: 'LB.HEALTHCHECKPOLICY.CREATE',
  instanceType: 'LoadBalancerRule',
  creates: true,
  prepare: async ({ db }, { lbruleid, ...parameters }) => {
    const rule = await lockLoadBalancer(db, 'lbruleid', lbruleid.id);
    if (rule.health_check !== null) {
      throw parameterError('lbruleid', rule.id, `a rule without a health check policy; it has ${rule.health_check.id}`);
    }
    refuseOfUdp(rule.protocol, 'lbruleid', rule.id, 'health checks');
    const policy = healthCheckPolicy(randomUUID(), parameters);
    await changeLoadBalancer(db, rule, { health_check: JSON.stringify(policy) });
    return { id: policy.id };
  },
  execute: async ({ db, orchestration }, id) => {
    const rule = await ruleOfPolicy(db, id);
    if (rule !== undefined) await orchestration.settleRule('load_balancer_rule', rule.id);
    return present(db, id);
  },
});

export const updateLBHealthCheckPolicy = asyncCommand({
  name: 'updateLBHealthCheckPolicy',
  description: 'Changes a health check policy (the field changes nothing of it but its display)',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('load_balancer_health_check_policy').required('The health check policy'),
    customid: customIdParameter,
    ...checkParameters,
  },
  responseKey: 'healthcheckpolicies',
  responseFields: healthCheckResponseFields,
  eventType: 'LB.HEALTHCHECKPOLICY.UPDATE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { id, ...parameters }) => {
    const rule = await lockLoadBalancer(db, 'id', id.load_balancer_rule_id);
    if (rule.health_check?.id === id.id) {
      const policy = healthCheckPolicy(id.id, parameters, rule.health_check);
      await changeLoadBalancer(db, rule, { health_check: JSON.stringify(policy) });
    }
    return { id: id.id };
  },
  execute: async ({ db, orchestration }, id) => {
    const rule = await ruleOfPolicy(db, id);
    if (rule !== undefined) await orchestration.settleRule('load_balancer_rule', rule.id);
    return present(db, id);
  },
});

export const deleteLBHealthCheckPolicy = asyncCommand({
  name: 'deleteLBHealthCheckPolicy',
  description: 'Deletes a health check policy; instances are checked by a TCP connection then',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('load_balancer_health_check_policy').required('The health check policy') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.HEALTHCHECKPOLICY.DELETE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { id }) => {
    const rule = await lockLoadBalancer(db, 'id', id.load_balancer_rule_id);
    if (rule.health_check?.id === id.id) await changeLoadBalancer(db, rule, { health_check: null });
    return { id: rule.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('load_balancer_rule', id);
    return { success: true };
  },
});

// A sync command for the same reason as listLBStickinessPolicies.
export const listLBHealthCheckPolicies = syncCommand({
  name: 'listLBHealthCheckPolicies',
  description: 'Lists the health check policy of a load balancer rule',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    lbruleid: p.entity('load_balancer_rule').optional('The load balancer rule; else id'),
    id: p.entity('load_balancer_health_check_policy').optional('The health check policy; else lbruleid'),
    fordisplay: p.boolean.optional('False: policies that are not shown; there are none'),
  },
  responseKey: null,
  responseFields: healthCheckResponseFields,
  handler: async ({ db }, { lbruleid, id, fordisplay: isShown }) => {
    const rule = lbruleid ?? (id === undefined ? undefined : await ruleOfPolicy(db, id.id));
    if (lbruleid === undefined && id === undefined) {
      throw new ApiError('parameter', 'Missing parameter lbruleid: expected lbruleid or id');
    }
    const isMeant = rule !== undefined && isShown !== false && (id === undefined || rule.health_check?.id === id.id);
    const policy = isMeant ? await presentHealthCheck(db, rule) : null;
    return policy === null ? {} : { count: 1, healthcheckpolicies: [policy] };
  },
});
