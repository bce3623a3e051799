import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { checkTrafficType } from './delete.ts';
import { firewallResponseFields, presentFirewallRule } from './response.ts';

// What a rule matches does not change during its life, in the field either.
export const updateFirewallRule = asyncCommand({
  name: 'updateFirewallRule',
  description: 'Updates an ingress firewall rule: whether it is shown, which it always is',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('firewall_rule').required('The ingress firewall rule'),
    fordisplay: p.boolean.optional('Accepted for the clients that send it'),
    customid: p.text.optional('Accepted for the clients that send it'),
  },
  responseKey: 'firewallrule',
  responseFields: firewallResponseFields,
  eventType: 'FIREWALL.UPDATE',
  instanceType: 'FirewallRule',
  creates: false,
  prepare: async (_context, { id }) => {
    checkTrafficType(id, 'Ingress');
    return { id: id.id };
  },
  execute: presentFirewallRule,
});
