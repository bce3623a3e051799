import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { prepareDeletion } from './delete.ts';

export const deleteEgressFirewallRule = asyncCommand({
  name: 'deleteEgressFirewallRule',
  description: 'Deletes an egress firewall rule and ends the flows that it alone admitted',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('firewall_rule').required('The egress firewall rule') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'FIREWALL.EGRESS.CLOSE',
  instanceType: 'FirewallRule',
  creates: false,
  prepare: ({ db }, { id }) => prepareDeletion(db, id, 'Egress'),
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('firewall_rule', id);
    return { success: true };
  },
});
