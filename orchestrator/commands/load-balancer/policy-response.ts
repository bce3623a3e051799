// Policies of load balancer rules as the API shows them: each wrapped in an object about its rule.
import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';
import type { LoadBalancer } from './rule-rows.ts';

const ruleFields: ResponseFields = {
  lbruleid: field.string('The id of the load balancer rule'),
  ...ownerResponseFields,
  zoneid: field.string('The id of the zone'),
};

export const stickinessResponseFields: ResponseFields = {
  ...ruleFields,
  name: field.string('The name of the policy'),
  description: field.string('Its description'),
  state: field.string('Add or Active'),
  stickinesspolicy: field.list('The policy', {
    id: field.string('The id of the policy'),
    name: field.string('Its name'),
    methodname: field.string('LbCookie, AppCookie or SourceBased'),
    description: field.string('Its description'),
    params: field.map('Its parameters by name'),
    state: field.string('Add or Active'),
    fordisplay: field.boolean('True: the policy is shown to its users'),
  }),
};

export const healthCheckResponseFields: ResponseFields = {
  ...ruleFields,
  healthcheckpolicy: field.list('The policy', {
    id: field.string('The id of the policy'),
    pingpath: field.string('The path of an HTTP check; absent: a TCP connection is enough'),
    description: field.string('Its description'),
    responsetime: field.integer('Seconds that an answer may take'),
    healthcheckinterval: field.integer('Seconds between two checks'),
    healthcheckthresshold: field.integer('Checks that have to succeed until an instance counts as up'),
    unhealthcheckthresshold: field.integer('Checks that have to fail until an instance counts as down'),
    state: field.string('Add or Active'),
    fordisplay: field.boolean('True: the policy is shown to its users'),
  }),
};

async function ruleOf(db: Db, rule: LoadBalancer): Promise<ResponseObject> {
  const network = await db
    .selectFrom('network')
    .select('zone_id')
    .where('id', '=', rule.network_id)
    .executeTakeFirstOrThrow();
  return { lbruleid: rule.id, ...(await ownerFields(db, [rule]))(rule), zoneid: network.zone_id };
}

function paramsOf(pairs: readonly { readonly name: string; readonly value: string }[]): ResponseObject {
  const params: Record<string, string> = {};
  for (const { name, value } of pairs) params[name] = name in params ? `${params[name]},${value}` : value;
  return params;
}

/** The stickiness policy of a rule; null where it has none. */
export async function presentStickiness(db: Db, rule: LoadBalancer): Promise<ResponseObject | null> {
  const { stickiness: policy, state } = rule;
  if (policy === null) return null;
  const { id, name, methodname } = policy;
  const description = policy.description ?? undefined;
  const inner = { id, name, methodname, description, params: paramsOf(policy.params), state, fordisplay: true };
  return { ...(await ruleOf(db, rule)), name, description, state, stickinesspolicy: [inner] };
}

/** The health check policy of a rule; null where it has none. */
export async function presentHealthCheck(db: Db, rule: LoadBalancer): Promise<ResponseObject | null> {
  const { health_check: policy, state } = rule;
  if (policy === null) return null;
  const inner = {
    id: policy.id,
    pingpath: policy.pingpath ?? undefined,
    description: policy.description ?? undefined,
    responsetime: policy.responsetimeout,
    healthcheckinterval: policy.intervaltime,
    healthcheckthresshold: policy.healthythreshold,
    unhealthcheckthresshold: policy.unhealthythreshold,
    state,
    fordisplay: true,
  };
  return { ...(await ruleOf(db, rule)), healthcheckpolicy: [inner] };
}
