// Writes load balancer rules: change, revoke. Each change is noted for compilation in the same transaction.
import type { Updateable } from 'kysely';
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { LoadBalancerRuleTable } from '../../store/tables/load-balancing.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { revokeFirewallRules, rulesOfLoadBalancer } from '../firewall/rule-rows.ts';
import type { Orchestration } from '../orchestration.ts';

/** A load balancer rule. */
export type LoadBalancer = EntityRow<'load_balancer_rule'>;
type Changes = Omit<Updateable<LoadBalancerRuleTable>, 'id' | 'network_id' | 'state' | 'previous'>;

/** Locks a rule until the transaction ends. Throws 431 where it is gone or being deleted. */
export async function lockLoadBalancer(db: Trx, parameter: string, id: string): Promise<LoadBalancer> {
  const rule = await db
    .selectFrom('load_balancer_rule')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (rule === undefined || rule.state === 'Revoke') {
    throw parameterError(parameter, id, 'a load balancer rule that is not being deleted');
  }
  return rule;
}

/** Writes a change of a rule that the caller has locked; what a refusal goes back to is kept. */
export async function changeLoadBalancer(db: Trx, rule: LoadBalancer, changes: Changes): Promise<void> {
  await db
    .updateTable('load_balancer_rule')
    .set({
      ...changes,
      state: 'Add',
      // An earlier change that still waits has the acknowledged row already.
      ...(rule.state === 'Active' && { previous: JSON.stringify({ ...rule, previous: null }) }),
    })
    .where('id', '=', rule.id)
    .execute();
  await touch(db, rule.network_id, 'loadBalancing.rules', rule.id);
  if (changes.protocol === undefined && changes.certificate_ids === undefined) return;
  // Whether it is served at all may have changed, and its members with it.
  await touchMembers(db, rule);
  for (const id of new Set([...rule.certificate_ids, ...(changes.certificate_ids ?? [])])) {
    await touch(db, rule.network_id, 'loadBalancing.certificates', id);
  }
}

async function touchMembers(db: Trx, rule: LoadBalancer): Promise<void> {
  const members = await db
    .selectFrom('load_balancer_member')
    .select('id')
    .where('load_balancer_rule_id', '=', rule.id)
    .execute();
  for (const { id } of members) await touch(db, rule.network_id, 'loadBalancing.members', id);
}

/** Marks rules as wanted gone, with their members and the firewall rules that they opened. */
export async function revokeLoadBalancers(db: Trx, rules: readonly LoadBalancer[]): Promise<void> {
  for (const rule of rules) {
    await db.updateTable('load_balancer_rule').set({ state: 'Revoke' }).where('id', '=', rule.id).execute();
    await touch(db, rule.network_id, 'loadBalancing.rules', rule.id);
    // A member is in force as long as its rule is: its row goes with the rule's.
    await touchMembers(db, rule);
    for (const id of rule.certificate_ids) await touch(db, rule.network_id, 'loadBalancing.certificates', id);
    await revokeFirewallRules(db, await rulesOfLoadBalancer(db, rule.id));
  }
}

/** Settles a rule and the firewall rules that it opened. All of them ride one push. */
export async function settleLoadBalancer(db: Db, orchestration: Orchestration, id: string): Promise<void> {
  const opened = await rulesOfLoadBalancer(db, id);
  await Promise.all([
    orchestration.settleRule('load_balancer_rule', id),
    ...opened.map((rule) => orchestration.settleRule('firewall_rule', rule.id)),
  ]);
}

/** What is left of a new rule that was refused in part goes too: no port stays open to nothing. */
export async function withdrawLoadBalancer(db: Db, orchestration: Orchestration, id: string): Promise<void> {
  const left = await db.transaction().execute(async (trx) => {
    const rules = await trx.selectFrom('load_balancer_rule').selectAll().where('id', '=', id).execute();
    const opened = await rulesOfLoadBalancer(trx, id);
    await revokeLoadBalancers(trx, rules);
    if (rules.length === 0) await revokeFirewallRules(trx, opened);
    return rules.length + opened.length;
  });
  if (left > 0) await settleLoadBalancer(db, orchestration, id);
}
