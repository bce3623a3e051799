// The account that a command names by id, or by name and domain.
import type { Trx } from '../../store/database.ts';
import { withinReach } from '../access.ts';
import type { CommandContext } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError } from '../errors.ts';

/** The parameters by which commands name an account. */
export interface NamedAccount {
  readonly id?: EntityRow<'account'> | undefined;
  readonly account?: string | undefined;
  readonly domainid?: EntityRow<'domain'> | undefined;
}

/** The account's row, checked to be within the caller's reach. Throws 431 where none is named or found, 531 beyond it. */
export async function accountNamed(context: CommandContext, named: NamedAccount): Promise<EntityRow<'account'>> {
  if (named.id !== undefined) return named.id;
  if (named.account === undefined) {
    throw new ApiError('parameter', 'Parameter id is missing: expected id, or account and domainid');
  }
  const found = await context.db
    .selectFrom('account')
    .selectAll()
    .where('name', '=', named.account)
    .where('domain_id', '=', named.domainid?.id ?? context.caller.domainId)
    .executeTakeFirst();
  if (found === undefined) {
    throw new ApiError(
      'parameter',
      `Invalid value ${JSON.stringify(named.account)} for parameter account: expected the name of an account of the domain`,
    );
  }
  if (!(await withinReach(context.db, context.caller, 'account', found))) {
    const message = `Account ${context.caller.accountName} may not use the account that parameter account names (${named.account}): expected an account within its reach`;
    throw new ApiError('account', message);
  }
  return found;
}

/** The ids of an account's users. */
export async function usersOf(db: Trx, accountId: string): Promise<string[]> {
  const rows = await db.selectFrom('cloud_user').select('id').where('account_id', '=', accountId).execute();
  return rows.map(({ id }) => id);
}

/** Refuses what would end the caller's own access. */
export function refuseOwnAccount(context: CommandContext, accountId: string, action: string): void {
  if (accountId === context.caller.accountId) {
    throw new ApiError(
      'parameter',
      `Account ${context.caller.accountName} cannot ${action} itself: expected another account`,
    );
  }
}
