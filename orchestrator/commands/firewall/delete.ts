import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { revokeFirewallRules } from './rule-rows.ts';

/** Marks one rule as wanted gone. Throws 431 where it is of the other kind. */
export async function prepareDeletion(
  db: Trx,
  rule: EntityRow<'firewall_rule'>,
  trafficType: 'Ingress' | 'Egress',
): Promise<{ id: string }> {
  checkTrafficType(rule, trafficType);
  await revokeFirewallRules(db, [rule]);
  return { id: rule.id };
}

/** Throws 431 where an ingress rule is named to a command for egress rules, or the other way round. */
export function checkTrafficType(rule: EntityRow<'firewall_rule'>, trafficType: 'Ingress' | 'Egress'): void {
  if (rule.traffic_type !== trafficType) {
    throw parameterError('id', rule.id, `the id of an ${trafficType.toLowerCase()} firewall rule`);
  }
}
