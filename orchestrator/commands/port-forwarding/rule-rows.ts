// Writes port forwarding rules: change, revoke. Each change is noted for compilation in the same transaction.
import type { Db, Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { EntityRow } from '../entities.ts';
import { revokeFirewallRules, rulesOfForward } from '../firewall/rule-rows.ts';
import type { Orchestration } from '../orchestration.ts';

type Row = EntityRow<'port_forwarding_rule'>;

/** Marks rules as wanted gone, and the firewall rules that they opened. */
export async function revokeForwards(db: Trx, forwards: readonly Row[]): Promise<void> {
  for (const forward of forwards) {
    await db.updateTable('port_forwarding_rule').set({ state: 'Revoke' }).where('id', '=', forward.id).execute();
    await touch(db, forward.network_id, 'nat.portForwards', forward.id);
    await revokeFirewallRules(db, await rulesOfForward(db, forward.id));
  }
}

/** Settles a rule and the firewall rules that it opened. All of them ride one push. */
export async function settleForward(db: Db, orchestration: Orchestration, id: string): Promise<void> {
  const opened = await rulesOfForward(db, id);
  await Promise.all([
    orchestration.settleRule('port_forwarding_rule', id),
    ...opened.map((rule) => orchestration.settleRule('firewall_rule', rule.id)),
  ]);
}

/** What is left of a new rule that was refused in part goes too: no port stays open to nothing. */
export async function withdrawForward(db: Db, orchestration: Orchestration, id: string): Promise<void> {
  const left = await db.transaction().execute(async (trx) => {
    const forwards = await trx.selectFrom('port_forwarding_rule').selectAll().where('id', '=', id).execute();
    const opened = await rulesOfForward(trx, id);
    await revokeForwards(trx, forwards);
    if (forwards.length === 0) await revokeFirewallRules(trx, opened);
    return forwards.length + opened.length;
  });
  if (left > 0) await settleForward(db, orchestration, id);
}
