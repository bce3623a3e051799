import type { FirewallProtocol } from '../../model/firewall-rule.ts';
import { networkRuleMatch } from '../../model/network-rule.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { lockNetwork } from '../network/lock.ts';
import { ipv6Kind } from '../network-rule/kind.ts';
import { networkRuleParameters } from '../network-rule/parameters.ts';
import { networkRuleFields, presentRuleById } from '../network-rule/response.ts';
import { changeRule, checkNoConflict, type NetworkRule, ruleById } from '../network-rule/rule-rows.ts';
import { p } from '../parameter.ts';

const { protocol: _required, destcidrlist: _fixed, ...match } = networkRuleParameters(6);

export const updateIpv6FirewallRule = asyncCommand({
  name: 'updateIpv6FirewallRule',
  description:
    'Updates an IPv6 firewall rule. What is not given stays, but for ports and ICMP fields of another protocol.',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('ipv6_firewall_rule').required('The IPv6 firewall rule'),
    ...match,
    protocol: p.oneOf<FirewallProtocol>('tcp', 'udp', 'icmp', 'all').optional('The new protocol'),
    customid: p.text.optional('Accepted for the clients that send it'),
  },
  responseKey: 'firewallrule',
  responseFields: networkRuleFields,
  eventType: `${ipv6Kind.eventPrefix}.UPDATE`,
  instanceType: 'FirewallRule',
  creates: false,
  prepare: async ({ db }, { id, fordisplay: _shown, customid: _custom, ...given }) => {
    const network = await lockNetwork(db, id.network_id);
    const rule = await ruleById(db, ipv6Kind, id.id);
    if (rule === undefined || rule.state === 'Revoke') {
      throw parameterError('id', id.id, 'an IPv6 firewall rule that is not being deleted');
    }
    if (Object.values(given).every((value) => value === undefined)) return { id: rule.id };
    const trafficType = given.traffictype ?? rule.traffic_type;
    const isSame = given.protocol === undefined || given.protocol === rule.protocol;
    const before = isSame ? fieldsOf(rule) : noFields;
    const request = {
      protocol: given.protocol ?? rule.protocol,
      startport: given.startport ?? before.startport,
      endport: given.endport ?? before.endport,
      icmptype: given.icmptype ?? before.icmptype,
      icmpcode: given.icmpcode ?? before.icmpcode,
      cidrlist: given.cidrlist ?? (trafficType === rule.traffic_type ? listOf(rule.cidr_list) : undefined),
      destcidrlist: trafficType === rule.traffic_type ? listOf(rule.dest_cidr_list) : undefined,
    };
    const wanted = networkRuleMatch(request, trafficType, await ipv6Kind.guests(db, network));
    const changed = { ...wanted, traffic_type: trafficType };
    await checkNoConflict(db, ipv6Kind, network.id, { ...changed, id: rule.id });
    await changeRule(db, ipv6Kind, rule, changed);
    return { id: rule.id };
  },
  execute: async (context, id) => {
    await context.orchestration.settleRule(ipv6Kind.table, id);
    return presentRuleById(context, ipv6Kind, id);
  },
});

interface ProtocolFields {
  readonly startport?: number | undefined;
  readonly endport?: number | undefined;
  readonly icmptype?: number | undefined;
  readonly icmpcode?: number | undefined;
}
const noFields: ProtocolFields = {};

/** What belongs to the rule's protocol alone, as its caller gave it. */
function fieldsOf(rule: NetworkRule): ProtocolFields {
  return {
    startport: rule.start_port ?? undefined,
    endport: rule.end_port ?? undefined,
    icmptype: rule.icmp_type ?? undefined,
    icmpcode: rule.icmp_code ?? undefined,
  };
}

function listOf(text: string): string[] | undefined {
  return text === '' ? undefined : text.split(',');
}
