// Reads and writes the rules of a network. Both tables have one shape: to kysely they are one.
import type { Kysely } from 'kysely';
import { firewallRulesConflict } from '../../model/firewall-rule.ts';
import type { NetworkRuleMatch, TrafficType } from '../../model/network-rule.ts';
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { Database } from '../../store/schema.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError } from '../errors.ts';
import type { NetworkRuleKind } from './kind.ts';

export type NetworkRule = EntityRow<'ipv6_firewall_rule'>;
export const ruleTable = 'ipv6_firewall_rule';

/** The database as if every kind's table were that of `ruleTable`. */
function ofKind(db: Db | Trx): Kysely<Pick<Database, typeof ruleTable>> {
  return db as unknown as Kysely<Pick<Database, typeof ruleTable>>;
}

/** A rule as the tables of a kind have it. */
export async function ruleById(db: Db | Trx, kind: NetworkRuleKind, id: string): Promise<NetworkRule | undefined> {
  return ofKind(db)
    .selectFrom(kind.table as typeof ruleTable)
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
}

/** Throws 537 where another rule of the network says the same. The caller holds the network's lock. */
export async function checkNoConflict(
  db: Trx,
  kind: NetworkRuleKind,
  networkId: string,
  rule: NetworkRuleMatch & { readonly traffic_type: TrafficType; readonly id?: string },
): Promise<void> {
  const others = await ofKind(db)
    .selectFrom(kind.table as typeof ruleTable)
    .selectAll()
    .where('network_id', '=', networkId)
    .where('traffic_type', '=', rule.traffic_type)
    .where('protocol', '=', rule.protocol)
    .where('state', '<>', 'Revoke')
    .execute();
  const spoken = (each: NetworkRuleMatch) => ({ ...each, dest_cidr_list: each.dest_cidr_list || 'anywhere' });
  const conflict = others.find((other) => other.id !== rule.id && firewallRulesConflict(spoken(other), spoken(rule)));
  if (conflict === undefined) return;
  throw new ApiError(
    'conflict',
    `The ${kind.label} for protocol ${rule.protocol} (startport, endport, icmptype, icmpcode, cidrlist) conflicts with rule ${conflict.id}: expected other ports or CIDRs than its ${conflict.start_port ?? 1}-${conflict.end_port ?? 65535} from ${conflict.cidr_list}`,
  );
}

/** Inserts a rule in state Add; its id. */
export async function insertRule(
  db: Trx,
  kind: NetworkRuleKind,
  network: EntityRow<'network'>,
  rule: NetworkRuleMatch & { readonly traffic_type: TrafficType },
): Promise<string> {
  const { id } = await ofKind(db)
    .insertInto(kind.table as typeof ruleTable)
    .values({
      ...rule,
      network_id: network.id,
      state: 'Add',
      account_id: network.account_id,
      domain_id: network.domain_id,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await touch(db, network.id, kind.collection, id);
  return id;
}

/** Writes what a rule matches from now on; what the router acknowledged is kept for a refusal. */
export async function changeRule(
  db: Trx,
  kind: NetworkRuleKind,
  rule: NetworkRule,
  match: NetworkRuleMatch & { readonly traffic_type: TrafficType },
): Promise<void> {
  await ofKind(db)
    .updateTable(kind.table as typeof ruleTable)
    .set({
      ...match,
      state: 'Add',
      // An earlier change that still waits has the acknowledged row already.
      ...(rule.state === 'Active' && { previous: JSON.stringify({ ...rule, previous: null }) }),
    })
    .where('id', '=', rule.id)
    .execute();
  await touch(db, rule.network_id, kind.collection, rule.id);
}

/** Marks rules as wanted gone. */
export async function revokeNetworkRules(
  db: Trx,
  kind: NetworkRuleKind,
  rules: readonly { readonly id: string; readonly network_id: string }[],
): Promise<void> {
  for (const { id, network_id: networkId } of rules) {
    await ofKind(db)
      .updateTable(kind.table as typeof ruleTable)
      .set({ state: 'Revoke' })
      .where('id', '=', id)
      .execute();
    await touch(db, networkId, kind.collection, id);
  }
}
