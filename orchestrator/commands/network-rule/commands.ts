// The commands that families of rules have alike.
import { networkRuleMatch } from '../../model/network-rule.ts';
import { asyncCommand, type Command, listCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { absentFilter, nothingWhere } from '../filters.ts';
import { lockNetwork } from '../network/lock.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import type { NetworkRuleKind } from './kind.ts';
import { networkRuleParameters } from './parameters.ts';
import { networkRuleFields, presentNetworkRule, presentRuleById } from './response.ts';
import { checkNoConflict, insertRule, type NetworkRule, revokeNetworkRules } from './rule-rows.ts';

/** create, delete and list. */
export function networkRuleCommands(kind: NetworkRuleKind): readonly Command[] {
  return [createRule(kind), deleteRule(kind), listRules(kind)];
}

function createRule(kind: NetworkRuleKind): Command {
  return asyncCommand({
    name: `create${kind.noun}`,
    description: `Creates ${article(kind)}. Ingress admits new connections to guests; egress as the offering's default says.`,
    roles: ['Admin', 'DomainAdmin', 'User'],
    parameters: { networkid: p.entity('network').required('The network'), ...networkRuleParameters(kind.family) },
    responseKey: 'firewallrule',
    responseFields: networkRuleFields,
    eventType: `${kind.eventPrefix}.CREATE`,
    instanceType: 'FirewallRule',
    creates: true,
    prepare: async ({ db }, { networkid, traffictype = 'Ingress', ...request }) => {
      const network = await lockNetwork(db, networkid.id);
      const guests = await kind.guests(db, network);
      const rule = { ...networkRuleMatch(request, traffictype, guests), traffic_type: traffictype };
      await checkNoConflict(db, kind, network.id, rule);
      return { id: await insertRule(db, kind, network, rule) };
    },
    execute: async (context, id) => {
      await context.orchestration.settleRule(kind.table, id);
      return presentRuleById(context, kind, id);
    },
  });
}

function deleteRule(kind: NetworkRuleKind): Command {
  return asyncCommand({
    name: `delete${kind.noun}`,
    description: `Deletes ${article(kind)} and ends the flows that it alone admitted`,
    roles: ['Admin', 'DomainAdmin', 'User'],
    parameters: { id: p.entity(kind.table).required(`The ${kind.label}`) },
    responseKey: null,
    responseFields: successFields,
    eventType: `${kind.eventPrefix}.DELETE`,
    instanceType: 'FirewallRule',
    creates: false,
    prepare: async ({ db }, { id: rule }) => {
      await revokeNetworkRules(db, kind, [rule]);
      return { id: rule.id };
    },
    execute: async ({ orchestration }, id) => {
      await orchestration.settleRule(kind.table, id);
      return { success: true };
    },
  });
}

function listRules(kind: NetworkRuleKind): Command {
  return listCommand({
    name: `list${kind.noun}s`,
    description: `Lists ${kind.label}s`,
    roles: ['Admin', 'DomainAdmin', 'User'],
    entity: kind.table as 'ipv6_firewall_rule',
    keywordColumns: ['protocol', 'cidr_list'],
    order: ['created'],
    parameters: {
      networkid: p.entity('network').optional('List by network'),
      traffictype: p.text.optional('List by traffic type: Ingress or Egress'),
      fordisplay: p.boolean.optional('False: rules that are not shown; there are none'),
      tags: absentFilter('tag'),
    },
    responseKey: 'firewallrule',
    responseFields: networkRuleFields,
    filter: (query, { networkid, traffictype, fordisplay, tags }) => {
      const table = kind.table as 'ipv6_firewall_rule';
      let q = query;
      if (networkid !== undefined) q = q.where(`${table}.network_id`, '=', networkid.id);
      if (traffictype !== undefined) {
        const wanted = traffictype.toLowerCase() === 'ingress' ? 'Ingress' : 'Egress';
        q = q.where(`${table}.traffic_type`, '=', wanted);
        if (wanted.toLowerCase() !== traffictype.toLowerCase()) {
          throw parameterError('traffictype', traffictype, 'Ingress or Egress');
        }
      }
      return nothingWhere(q, fordisplay === false || tags !== undefined);
    },
    present: async (_context, rows: readonly NetworkRule[]) => rows.map(presentNetworkRule),
  });
}

/** Such as `an IPv6 firewall rule`. */
function article({ label }: NetworkRuleKind): string {
  return /^[AEIO]/i.test(label) ? `an ${label}` : `a ${label}`;
}
