// How many consoles a user has open, and how many viewers a machine has.
import { consoleSetting } from '../../store/console-proxy.ts';
import type { Db, Trx } from '../../store/database.ts';
import type { Refusal } from './console-parts.ts';
import { notEnded } from './not-ended.ts';

interface Counted {
  readonly user_id: string;
  readonly target_id: string;
  /** A session that does not count. */
  readonly id?: string;
}

async function countOf(db: Db | Trx, column: 'user_id' | 'target_id', value: string, except?: string): Promise<number> {
  let query = db
    .selectFrom('console_session')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('state', 'in', ['Choosing', 'Open'])
    .where(notEnded)
    .where('lost', 'is', null)
    .where(column, '=', value);
  if (except !== undefined) query = query.where('id', '<>', except);
  return Number((await query.executeTakeFirstOrThrow()).count);
}

/**
 * Why one more console is too many; null where it is not. Holds against others under `lockConsoles`. Within a transaction
 * settings are read by it too: one that waited for another connection would wait for ever once all are in transactions.
 */
export async function limitRefusal(
  db: Db | Trx,
  { id, user_id: user, target_id: target }: Counted,
): Promise<Refusal | null> {
  const mostOfUser = Number(await consoleSetting(db, 'console.sessions.per.user'));
  if ((await countOf(db, 'user_id', user, id)) >= mostOfUser) {
    return { reason: 'limit', message: `You have ${mostOfUser} consoles open, which is the most: close one first.` };
  }
  const mostOfMachine = Number(await consoleSetting(db, 'console.sessions.per.vm'));
  if ((await countOf(db, 'target_id', target, id)) >= mostOfMachine) {
    const message = `The machine has ${mostOfMachine} viewers, which is the most: wait until one leaves.`;
    return { reason: 'limit', message };
  }
  return null;
}
