import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { revokeForwards, settleForward } from './rule-rows.ts';

export const deletePortForwardingRule = asyncCommand({
  name: 'deletePortForwardingRule',
  description: 'Deletes a port forwarding rule and the firewall rule that it opened',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: { id: p.entity('port_forwarding_rule').required('The port forwarding rule') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'NET.RULEDELETE',
  instanceType: 'PortForwardingRule',
  creates: false,
  prepare: async ({ db }, { id }) => {
    await revokeForwards(db, [id]);
    return { id: id.id };
  },
  execute: async ({ db, orchestration }, id) => {
    await settleForward(db, orchestration, id);
    return { success: true };
  },
});
