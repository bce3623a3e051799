import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { changeLoadBalancer, lockLoadBalancer } from '../load-balancer/rule-rows.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

export const removeCertFromLoadBalancer = asyncCommand({
  name: 'removeCertFromLoadBalancer',
  description:
    'Takes the certificates of a load balancer rule away; without any it serves no more until one is assigned',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    lbruleid: p.entity('load_balancer_rule').required('The load balancer rule'),
    certid: p.entity('ssl_certificate').optional("Isthmus's own: only this certificate; by default all of the rule"),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.CERT.REMOVE',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { lbruleid, certid }) => {
    const rule = await lockLoadBalancer(db, 'lbruleid', lbruleid.id);
    if (rule.certificate_ids.length === 0) {
      throw parameterError('lbruleid', rule.id, `a rule with a certificate, which ${rule.name} has not`);
    }
    if (certid !== undefined && !rule.certificate_ids.includes(certid.id)) {
      throw parameterError('certid', certid.id, `a certificate that the rule ${rule.name} has`);
    }
    const left = certid === undefined ? [] : rule.certificate_ids.filter((id) => id !== certid.id);
    await changeLoadBalancer(db, rule, { certificate_ids: left });
    return { id: rule.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('load_balancer_rule', id);
    return { success: true };
  },
});
