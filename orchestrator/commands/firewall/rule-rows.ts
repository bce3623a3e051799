// Writes firewall rules: insert, revoke. Each change is noted for compilation in the same transaction.
import { sql } from 'kysely';
import { firewallRulesConflict } from '../../model/firewall-rule.ts';
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError } from '../errors.ts';

type Row = EntityRow<'firewall_rule'>;
/** A rule that is not in the store yet. */
export type NewFirewallRule = Omit<Row, 'id' | 'state' | 'previous' | 'created' | 'load_balancer_rule_id'> & {
  readonly load_balancer_rule_id?: string;
};

function collectionOf(rule: Pick<Row, 'traffic_type'>): 'firewall.ingress' | 'firewall.egress' {
  return rule.traffic_type === 'Ingress' ? 'firewall.ingress' : 'firewall.egress';
}

/**
 * The rules that a new one may conflict with: of its address, or of its network's egress, of its protocol and with ports
 * of its own; those wanted gone left out. Narrowed by the database: an address may have thousands.
 */
export function neighbours(db: Db, rule: NewFirewallRule): Promise<Row[]> {
  const rules = db
    .selectFrom('firewall_rule')
    .selectAll()
    .where('state', '<>', 'Revoke')
    .where('protocol', '=', rule.protocol)
    // As the index firewall_rule_ports spells it.
    .where(
      sql<boolean>`int4range(coalesce(start_port, 1), coalesce(end_port, 65535), '[]')
        && int4range(${rule.start_port ?? 1}, ${rule.end_port ?? 65535}, '[]')`,
    );
  return rule.public_ip_address_id === null
    ? rules.where('network_id', '=', rule.network_id).where('traffic_type', '=', 'Egress').execute()
    : rules.where('public_ip_address_id', '=', rule.public_ip_address_id).execute();
}

/** Inserts a rule in state Add. The caller holds the lock of its address or network. Throws 537 where it conflicts. */
export async function insertFirewallRule(db: Trx, rule: NewFirewallRule, others: readonly Row[]): Promise<string> {
  const conflict = others.find((other) => firewallRulesConflict(other, rule));
  if (conflict !== undefined) throw conflictError(rule, conflict);
  const { id } = await db
    .insertInto('firewall_rule')
    .values({ ...rule, state: 'Add' })
    .returning('id')
    .executeTakeFirstOrThrow();
  await touch(db, rule.network_id, collectionOf(rule), id);
  return id;
}

function conflictError(rule: NewFirewallRule, other: Row): ApiError {
  const what =
    rule.protocol === 'icmp'
      ? `type ${rule.icmp_type} and code ${rule.icmp_code}`
      : `ports ${rule.start_port ?? 1}-${rule.end_port ?? 65535}`;
  return new ApiError(
    'conflict',
    `Firewall rule for protocol ${rule.protocol}, ${what} (startport, endport, icmptype, icmpcode, cidrlist) conflicts with rule ${other.id}: expected other ports or CIDRs than its ${other.start_port ?? 1}-${other.end_port ?? 65535} from ${other.cidr_list || 'anywhere'}`,
  );
}

/** Marks rules as wanted gone. */
export async function revokeFirewallRules(db: Trx, rules: readonly Row[]): Promise<void> {
  for (const rule of rules) {
    await db.updateTable('firewall_rule').set({ state: 'Revoke' }).where('id', '=', rule.id).execute();
    await touch(db, rule.network_id, collectionOf(rule), rule.id);
  }
}

/** The rules that a load balancer rule opened. */
export function rulesOfLoadBalancer(db: Db, loadBalancerId: string): Promise<Row[]> {
  return db.selectFrom('firewall_rule').selectAll().where('load_balancer_rule_id', '=', loadBalancerId).execute();
}

/** The rules that a port forwarding rule opened. */
export function rulesOfForward(db: Db, forwardId: string): Promise<Row[]> {
  return db.selectFrom('firewall_rule').selectAll().where('port_forwarding_rule_id', '=', forwardId).execute();
}
