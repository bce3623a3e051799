import { closeSessionsOf } from '../../store/session.ts';
import type { CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { usersOf } from './account-by-name.ts';

/** Puts an account into a state. From another state than `enabled` its users' sessions and keys end at once. */
export async function changeAccountState(
  context: CommandContext,
  account: EntityRow<'account'>,
  state: EntityRow<'account'>['state'],
): Promise<void> {
  await context.db.updateTable('account').set({ state }).where('id', '=', account.id).execute();
  if (state !== 'enabled') await closeSessionsOf(context.db, await usersOf(context.db, account.id));
  const owner = { accountId: account.id, domainId: account.domain_id };
  const type = { enabled: 'ACCOUNT.ENABLE', disabled: 'ACCOUNT.DISABLE', locked: 'ACCOUNT.LOCK' }[state];
  await context.event(type, `Account ${account.name} is ${state}`, { type: 'Account', id: account.id, owner });
}
