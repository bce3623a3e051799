import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { field } from '../response-field.ts';
import type { NetworkRuleKind } from './kind.ts';
import { type NetworkRule, ruleById } from './rule-rows.ts';

export const networkRuleFields: ResponseFields = {
  id: field.string('The id of the rule'),
  protocol: field.string('The protocol: tcp, udp, icmp or all'),
  startport: field.integer('The first port'),
  endport: field.integer('The last port'),
  networkid: field.string('The id of the network'),
  state: field.string('Add, Active or Revoke'),
  cidrlist: field.string('The CIDRs that the traffic comes from, comma-separated'),
  destcidrlist: field.string('The CIDRs that the traffic goes to, comma-separated'),
  icmptype: field.integer('The ICMP type; -1: any'),
  icmpcode: field.integer('The ICMP code; -1: any'),
  traffictype: field.string('Ingress or Egress'),
  fordisplay: field.boolean('True: the rule is shown to its users'),
  tags: field.list('The tags of the rule'),
};

/** A rule of a network as the API shows it. */
export function presentNetworkRule(row: NetworkRule): ResponseObject {
  return {
    id: row.id,
    protocol: row.protocol,
    startport: row.start_port ?? undefined,
    endport: row.end_port ?? undefined,
    networkid: row.network_id,
    state: row.state,
    cidrlist: row.cidr_list,
    destcidrlist: row.dest_cidr_list,
    icmptype: row.icmp_type ?? undefined,
    icmpcode: row.icmp_code ?? undefined,
    traffictype: row.traffic_type,
    fordisplay: true,
    tags: [],
  };
}

/** One rule by id as the API shows it; empty where it is gone. */
export async function presentRuleById(
  { db }: { readonly db: Db },
  kind: NetworkRuleKind,
  id: string,
): Promise<ResponseObject> {
  const row = await ruleById(db, kind, id);
  return row === undefined ? {} : presentNetworkRule(row);
}
