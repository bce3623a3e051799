import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { prepareDeletion } from './delete.ts';

export const deleteFirewallRule = asyncCommand({
  name: 'deleteFirewallRule',
  description: 'Deletes an ingress firewall rule and ends the flows that it alone admitted',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('firewall_rule').required('The ingress firewall rule') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'FIREWALL.CLOSE',
  instanceType: 'FirewallRule',
  creates: false,
  prepare: ({ db }, { id }) => prepareDeletion(db, id, 'Ingress'),
  execute: async ({ orchestration }, id) => {
    await orchestration.settleRule('firewall_rule', id);
    return { success: true };
  },
});
