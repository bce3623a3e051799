// Reads firewall rules.
import { compileEgressRule, compileIngressRule } from '../../compile/entries.ts';
import type { Trx } from '../../store/database.ts';
import { among, type Entries, type Loader } from './entries.ts';

export const ingressRules: Loader = (trx, networkId, ids) => firewallRules(trx, networkId, 'Ingress', ids);
export const egressRules: Loader = (trx, networkId, ids) => firewallRules(trx, networkId, 'Egress', ids);

async function firewallRules(
  trx: Trx,
  networkId: string,
  trafficType: 'Ingress' | 'Egress',
  ids: readonly string[] | null,
): Promise<Entries> {
  const rows = await trx
    .selectFrom('firewall_rule')
    .leftJoin('public_ip_address', 'public_ip_address.id', 'firewall_rule.public_ip_address_id')
    .selectAll('firewall_rule')
    .select('public_ip_address.address')
    .where('firewall_rule.network_id', '=', networkId)
    .where('firewall_rule.traffic_type', '=', trafficType)
    .where(among('firewall_rule.id', ids))
    .execute();
  return new Map<string, unknown>(
    rows.map((row) => {
      const rule = {
        protocol: row.protocol,
        startPort: row.start_port,
        endPort: row.end_port,
        icmpType: row.icmp_type,
        icmpCode: row.icmp_code,
        cidrList: row.cidr_list,
        destinationCidrList: row.dest_cidr_list,
        state: row.state,
      };
      if (row.address === null) return [row.id, compileEgressRule(rule)];
      return [row.id, compileIngressRule(rule, row.address)];
    }),
  );
}
