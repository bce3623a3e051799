// Reads the firewall rules of routed networks.
import { compileRoutedRule } from '../../compile/network-rule.ts';
import { among, type Loader } from './entries.ts';

export const routedRules: Loader = async (trx, networkId, ids) => {
  const rows = await trx
    .selectFrom('routing_firewall_rule')
    .selectAll()
    .where('network_id', '=', networkId)
    .where(among('id', ids))
    .execute();
  return new Map(rows.map((row) => [row.id, compileRoutedRule(row)]));
};
