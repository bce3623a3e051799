import { refuseSharedName } from '../../model/ssl-certificate.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { changeLoadBalancer, lockLoadBalancer } from '../load-balancer/rule-rows.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** The contract's limit of certificates of one rule. */
const mostCertificates = 64;

export const assignCertToLoadBalancer = asyncCommand({
  name: 'assignCertToLoadBalancer',
  description:
    'Makes a load balancer rule of protocol ssl answer with a certificate. Beside others it is chosen by the name that a client asks for (SNI); forced=true replaces all that the rule has, without ending a connection.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    lbruleid: p.entity('load_balancer_rule').required('The load balancer rule, of protocol ssl'),
    certid: p.entity('ssl_certificate').required('The certificate'),
    forced: p.boolean.optional('True: it replaces all certificates of the rule; by default it is added to them'),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'LB.CERT.ASSIGN',
  instanceType: 'LoadBalancerRule',
  creates: false,
  prepare: async ({ db }, { lbruleid, certid, forced }) => {
    const rule = await lockLoadBalancer(db, 'lbruleid', lbruleid.id);
    if (rule.protocol !== 'ssl') {
      throw parameterError('lbruleid', rule.id, `a rule of protocol ssl; that of ${rule.name} is ${rule.protocol}`);
    }
    const certificate = await db
      .selectFrom('ssl_certificate')
      .selectAll()
      .where('id', '=', certid.id)
      .forKeyShare()
      .executeTakeFirst();
    if (certificate?.account_id !== rule.account_id) {
      throw parameterError('certid', certid.id, 'a certificate of the account that the rule belongs to');
    }
    if (rule.certificate_ids.includes(certificate.id) && forced !== true) {
      throw parameterError('certid', certificate.id, `a certificate that the rule ${rule.name} does not have already`);
    }
    const kept = forced === true ? [] : rule.certificate_ids;
    if (kept.length === mostCertificates) {
      throw parameterError('certid', certificate.id, `at most ${mostCertificates} certificates of one rule`);
    }
    if (kept.length > 0) {
      const others = await db.selectFrom('ssl_certificate').selectAll().where('id', 'in', kept).execute();
      refuseSharedName(certificate, others);
    }
    await changeLoadBalancer(db, rule, { certificate_ids: [...kept, certificate.id] });
    return { id: rule.id };
  },
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('load_balancer_rule', id);
    return { success: true };
  },
});
