import { listCommand } from '../declaration.ts';
import { nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { portForwardingResponseFields, presentPortForwardingRules } from './response.ts';

export const listPortForwardingRules = listCommand({
  name: 'listPortForwardingRules',
  description: 'Lists port forwarding rules',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'port_forwarding_rule',
  keywordColumns: ['protocol', 'public_start_port'],
  order: ['created'],
  parameters: {
    networkid: p.entity('network').optional('List by network'),
    ipaddressid: p.entity('public_ip_address').optional('List by public IP address'),
    fordisplay: p.boolean.optional('False: rules that are not shown; there are none'),
  },
  responseKey: 'portforwardingrule',
  responseFields: portForwardingResponseFields,
  filter: (query, { networkid, ipaddressid, fordisplay }) => {
    let q = query;
    if (networkid !== undefined) q = q.where('port_forwarding_rule.network_id', '=', networkid.id);
    if (ipaddressid !== undefined) q = q.where('port_forwarding_rule.public_ip_address_id', '=', ipaddressid.id);
    return nothingWhere(q, fordisplay === false);
  },
  present: presentPortForwardingRules,
});
