import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

/**
 * listIpForwardingRules: always empty. The rules that it lists on the field are made by createIpForwardingRule, which
 * firewall rules have replaced; libcloud asks for them before it lists instances.
 */
export const listIpForwardingRules = syncCommand({
  name: 'listIpForwardingRules',
  description: 'Lists IP forwarding rules: there are none, firewall rules have replaced them',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    ipaddressid: p.entity('public_ip_address').optional('List the rules of this public IP address'),
    virtualmachineid: p.entity('virtual_machine').optional('List the rules to this instance'),
  },
  responseKey: null,
  responseFields: { id: field.string('The id of the rule') },
  handler: async () => ({}),
});
