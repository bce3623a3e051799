import { asyncCommand } from '../declaration.ts';
import { routingKind } from '../network-rule/kind.ts';
import { networkRuleFields, presentRuleById } from '../network-rule/response.ts';
import { p } from '../parameter.ts';

// What a routing firewall rule matches does not change during its life, in the field either.
export const updateRoutingFirewallRule = asyncCommand({
  name: 'updateRoutingFirewallRule',
  description: 'Updates a routing firewall rule: whether it is shown, which it always is',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('routing_firewall_rule').required('The routing firewall rule'),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
    customid: p.text.optional('Accepted for the clients that send it'),
  },
  responseKey: 'firewallrule',
  responseFields: networkRuleFields,
  eventType: `${routingKind.eventPrefix}.UPDATE`,
  instanceType: 'FirewallRule',
  creates: false,
  prepare: async (_context, { id }) => ({ id: id.id }),
  execute: (context, id) => presentRuleById(context, routingKind, id),
});
