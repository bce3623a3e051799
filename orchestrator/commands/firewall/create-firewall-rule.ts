import { firewallMatch, storedCidrList } from '../../model/firewall-rule.ts';
import { asyncCommand } from '../declaration.ts';
import { requireService } from '../network/require-service.ts';
import { p } from '../parameter.ts';
import { lockPublicIp } from '../public-ip/lock.ts';
import { matchParameters } from './parameters.ts';
import { firewallResponseFields, presentFirewallRule } from './response.ts';
import { insertFirewallRule, neighbours } from './rule-rows.ts';

export const createFirewallRule = asyncCommand({
  name: 'createFirewallRule',
  description: 'Admits traffic to a public IP address. Without any rule nothing new comes in.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    ipaddressid: p.entity('public_ip_address').required('The public IP address'),
    ...matchParameters,
  },
  responseKey: 'firewallrule',
  responseFields: firewallResponseFields,
  eventType: 'FIREWALL.OPEN',
  instanceType: 'FirewallRule',
  creates: true,
  prepare: async ({ db }, { ipaddressid, cidrlist, ...match }) => {
    const address = await lockPublicIp(db, 'ipaddressid', ipaddressid.id);
    await requireService(db, address.network_id, 'Firewall', { name: 'ipaddressid', value: address.id });
    const rule = {
      ...firewallMatch(match),
      traffic_type: 'Ingress' as const,
      network_id: address.network_id,
      public_ip_address_id: address.id,
      // Said out loud, as the field does: clients compare it.
      cidr_list: storedCidrList('cidrlist', cidrlist) || '0.0.0.0/0',
      dest_cidr_list: '',
      port_forwarding_rule_id: null,
      account_id: address.account_id,
      domain_id: address.domain_id,
    };
    return { id: await insertFirewallRule(db, rule, await neighbours(db, rule)) };
  },
  execute: async (context, id) => {
    await context.orchestration.settleRule('firewall_rule', id);
    return presentFirewallRule(context, id);
  },
});
