import { checkEgressSources, firewallMatch, storedCidrList } from '../../model/firewall-rule.ts';
import { asyncCommand } from '../declaration.ts';
import { lockNetwork } from '../network/lock.ts';
import { requireService } from '../network/require-service.ts';
import { p } from '../parameter.ts';
import { cidrListOptions, matchParameters } from './parameters.ts';
import { firewallResponseFields, presentFirewallRule } from './response.ts';
import { insertFirewallRule, neighbours } from './rule-rows.ts';

export const createEgressFirewallRule = asyncCommand({
  name: 'createEgressFirewallRule',
  description:
    'Permits traffic from the instances of a network; denies it where the network offering permits by default',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    networkid: p.entity('network').required('The network'),
    ...matchParameters,
    destcidrlist: p.cidrList.optional(
      'The CIDRs that the traffic goes to, comma-separated; by default anywhere',
      cidrListOptions,
    ),
  },
  responseKey: 'firewallrule',
  responseFields: firewallResponseFields,
  eventType: 'FIREWALL.EGRESS.OPEN',
  instanceType: 'FirewallRule',
  creates: true,
  prepare: async ({ db }, { networkid, cidrlist, destcidrlist, ...match }) => {
    const network = await lockNetwork(db, networkid.id);
    await requireService(db, network.id, 'Firewall', { name: 'networkid', value: network.id });
    checkEgressSources(cidrlist, network.cidr);
    const rule = {
      ...firewallMatch(match),
      traffic_type: 'Egress' as const,
      network_id: network.id,
      public_ip_address_id: null,
      // Said out loud, as the field does: without sources all of the network.
      cidr_list: storedCidrList('cidrlist', cidrlist) || network.cidr,
      dest_cidr_list: storedCidrList('destcidrlist', destcidrlist),
      port_forwarding_rule_id: null,
      account_id: network.account_id,
      domain_id: network.domain_id,
    };
    return { id: await insertFirewallRule(db, rule, await neighbours(db, rule)) };
  },
  execute: async (context, id) => {
    await context.orchestration.settleRule('firewall_rule', id);
    return presentFirewallRule(context, id);
  },
});
