// Waits until a rule's change is in force, or says why its router refused it.
import type { Kysely } from 'kysely';
import { ApiError } from '../model/api-error.ts';
import type { RuleTable } from '../model/orchestration.ts';
import type { Database } from '../store/schema.ts';
import type { Parts } from './parts.ts';

type Needed = Pick<Parts, 'db' | 'pusher' | 'updates'>;

async function ruleState(
  parts: Needed,
  table: RuleTable,
  id: string,
): Promise<{ networkId: string; state: string | null } | null> {
  if (table === 'public_ip_address') {
    const row = await parts.db
      .selectFrom('public_ip_address')
      .select(['network_id', 'static_nat_state'])
      .where('id', '=', id)
      .executeTakeFirst();
    if (row === undefined || row.network_id === null) return null;
    return { networkId: row.network_id, state: row.static_nat_state };
  }
  const rules = parts.db as unknown as Kysely<Pick<Database, 'firewall_rule'>>;
  const row = await rules
    .selectFrom(table as 'firewall_rule')
    .select(['network_id', 'state'])
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? null : { networkId: row.network_id, state: row.state };
}

/** More than this many generations that leave a rule unsettled means that it is changed faster than it is pushed. */
const mostGenerations = 50;

/**
 * Brings a rule's change to its router. Throws the ApiError of its refusal, also where the push that was refused was
 * asked for by another, such as the monitor, before or while this waits.
 */
export async function settleRule(parts: Needed, table: RuleTable, id: string): Promise<void> {
  const { refusals } = parts.pusher;
  const watch = refusals.watch(id);
  try {
    const before = await ruleState(parts, table, id);
    const missed = refusals.take(id);
    // A rule that waits has been changed again since.
    const isWaiting = before?.state === 'Add' || before?.state === 'Revoke';
    if (!isWaiting && missed !== undefined) throw missed;
    if (before === null || before.state === 'Active') return;
    for (let generation = 0; generation < mostGenerations; generation++) {
      await parts.updates.request(before.networkId);
      const refusal = watch.refusal();
      if (refusal !== undefined) throw refusal;
      const now = await ruleState(parts, table, id);
      // A public address without static NAT has no state of its own: it serves with the generation just acknowledged.
      if (now === null || now.state === null || now.state === 'Active') return;
    }
    throw new ApiError('internal', `The rule ${id} changes faster than its router takes it in`);
  } finally {
    watch.end();
  }
}
