// The four commands of stickiness policies. A rule has one at most, which is part of its row.
import { randomUUID } from 'node:crypto';
import { refuseOfUdp } from '../../model/load-balancer.ts';
import {
  type StickinessMethod,
  stickinessEntry,
  stickinessMethods,
  stickinessPairs,
} from '../../model/load-balancer-stickiness.ts';
import type { Db } from '../../store/database.ts';
import { asyncCommand, type ResponseObject, syncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { customIdParameter } from './parameters.ts';
import { presentStickiness, stickinessResponseFields } from './policy-response.ts';
import { changeLoadBalancer, type LoadBalancer, lockLoadBalancer } from './rule-rows.ts';

const fordisplay = p.boolean.optional('Accepted for the clients that send it');

/** The rule of a policy by the policy's id; undefined where it is gone. */
function ruleOfPolicy(db: Db, id: string): Promise<LoadBalancer | undefined> {
  return db
    .selectFrom('load_balancer_rule')
    .selectAll()
    .where('id', 'in', (policies) =>
      policies.selectFrom('load_balancer_stickiness_policy').select('load_balancer_rule_id').where('id', '=', id),
    )
    .executeTakeFirst();
}

async function present(db: Db, id: string): Promise<ResponseObject> {
  const rule = await ruleOfPolicy(db, id);
  return (rule === undefined ? null : await presentStickiness(db, rule)) ?? {};
}

export const createLBStickinessPolicy = asyncCommand({
  name: 'createLBStickinessPolicy',
  description: 'Makes clients of a load balancer rule stay with their instance',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    lbruleid: p.entity('load_balancer_rule').required('The load balancer rule, which has no stickiness policy yet'),
    name: p.name.required('Its name'),
    methodname: p.oneOf<StickinessMethod>(...stickinessMethods).required('LbCookie, AppCookie or SourceBased'),
    description: p.text.optional('Its description'),
    param: p.map.optional(
      'param[0].name and param[0].value; which there are, listNetworkOfferings tells by the capability SupportedStickinessMethods',
      { maxLength: 8192 },
    ),
    fordisplay,
  },
  responseKey: 'stickinesspolicies',
  responseFields: stickinessResponseFields,
  eventType: 'LB.STICKINESSPOLICY.CREATE',
  instanceType: 'LoadBalancerRule',
  creates: true,
  prepare: async ({ db }, { lbruleid, name, methodname, description, param }) => {
    const rule = await lockLoadBalancer(db, 'lbruleid', lbruleid.id);
    if (rule.stickiness !== null) {
      throw parameterError('lbruleid', rule.id, `a rule without a stickiness policy; it has ${rule.stickiness.name}`);
    }
    refuseOfUdp(rule.protocol, 'lbruleid', rule.id, 'stickiness; algorithm source keeps clients by their address');
    const params = stickinessPairs(param ?? []);
    const entry = stickinessEntry(methodname, params, rule.id);
    const id = randomUUID();
    const policy = { id, name, description: description ?? null, methodname, params, entry };
    await changeLoadBalancer(db, rule, { stickiness: JSON.stringify(policy) });
    return { id };
  },
  execute: async ({ db, orchestration }, id) => {
    const rule = await ruleOfPolicy(db, id);
    if (rule !== undefined) await orchestration.settleRule('load_balancer_rule', rule.id);
    return present(db, id);
  },
});

export const updateLBStickinessPolicy = asyncCommand({
  name: 'updateLBStickinessPolicy',
  description: 'Answers with a stickiness policy: the field has nothing of it that could be changed',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('load_balancer_stickiness_policy').required('The stickiness policy'),
    fordisplay,
    customid: customIdParameter,
  },
  responseKey: 'stickinesspolicies',
  responseFields: stickinessResponseFields,
  eventType: 'LB.STICKINESSPOLICY.UPDATE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async (_context, { id }) => ({ id: id.id }),
  execute: ({ db }, id) => present(db, id),
});

export const deleteLBStickinessPolicy = asyncCommand({
  name: 'deleteLBStickinessPolicy',
  description: 'Ends the stickiness of a load balancer rule',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('load_balancer_stickiness_policy').required('The stickiness policy') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.STICKINESSPOLICY.DELETE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { id }) => {
    const rule = await lockLoadBalancer(db, 'id', id.load_balancer_rule_id);
    if (rule.stickiness?.id === id.id) await changeLoadBalancer(db, rule, { stickiness: null });
    return { id: rule.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('load_balancer_rule', id);
    return { success: true };
  },
});

// A rule has one policy, and the caller may name the rule: there is nothing to page, and no other owner to ask for.
export const listLBStickinessPolicies = syncCommand({
  name: 'listLBStickinessPolicies',
  description: 'Lists the stickiness policy of a load balancer rule',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    lbruleid: p.entity('load_balancer_rule').optional('The load balancer rule; else id'),
    id: p.entity('load_balancer_stickiness_policy').optional('The stickiness policy; else lbruleid'),
    fordisplay: p.boolean.optional('False: policies that are not shown; there are none'),
  },
  responseKey: null,
  responseFields: stickinessResponseFields,
  handler: async ({ db }, { lbruleid, id, fordisplay: isShown }) => {
    const rule = lbruleid ?? (id === undefined ? undefined : await ruleOfPolicy(db, id.id));
    if (lbruleid === undefined && id === undefined) {
      throw new ApiError('parameter', 'Missing parameter lbruleid: expected lbruleid or id');
    }
    const isMeant = rule !== undefined && isShown !== false && (id === undefined || rule.stickiness?.id === id.id);
    const policy = isMeant ? await presentStickiness(db, rule) : null;
    return policy === null ? {} : { count: 1, stickinesspolicies: [policy] };
  },
});
