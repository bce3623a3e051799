import { listCommand } from '../declaration.ts';
import { nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { firewallResponseFields, presentFirewallRules } from './response.ts';

export const listEgressFirewallRules = listCommand({
  name: 'listEgressFirewallRules',
  description: 'Lists egress firewall rules',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'firewall_rule',
  keywordColumns: ['protocol', 'cidr_list'],
  order: ['created'],
  parameters: {
    networkid: p.entity('network').optional('List by network'),
    ipaddressid: p.entity('public_ip_address').optional('List by public IP address'),
    fordisplay: p.boolean.optional('False: rules that are not shown; there are none'),
  },
  responseKey: 'firewallrule',
  responseFields: firewallResponseFields,
  filter: (query, { networkid, ipaddressid, fordisplay }) => {
    let q = query.where('firewall_rule.traffic_type', '=', 'Egress');
    if (networkid !== undefined) q = q.where('firewall_rule.network_id', '=', networkid.id);
    if (ipaddressid !== undefined) q = q.where('firewall_rule.public_ip_address_id', '=', ipaddressid.id);
    return nothingWhere(q, fordisplay === false);
  },
  present: presentFirewallRules,
});
