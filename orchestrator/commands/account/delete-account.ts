import { asyncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { refuseOwnAccount } from './account-by-name.ts';
import { changeAccountState } from './change-state.ts';
import { cleanUpAccount } from './clean-up.ts';

/** Ends an account's access at once, then destroys what it owns and the account. */
export const deleteAccount = asyncCommand({
  name: 'deleteAccount',
  description: 'Deletes an account, its users and everything that it owns',
  roles: ['Admin', 'DomainAdmin'],
  eventType: 'ACCOUNT.DELETE',
  instanceType: 'Account',
  creates: false,
  parameters: { id: p.entity('account').required('The account') },
  responseKey: null,
  responseFields: successFields,
  prepare: async (context, { id: account }) => {
    refuseOwnAccount(context, account.id, 'delete');
    const template = await context.db
      .selectFrom('template')
      .select('name')
      .where('account_id', '=', account.id)
      .executeTakeFirst();
    if (template !== undefined) {
      const message = `Account ${account.name} (parameter id) owns template ${template.name}: expected an account without templates`;
      throw new ApiError('inUse', message);
    }
    await changeAccountState(context, account, 'disabled');
    return { id: account.id };
  },
  execute: async (context, id) => {
    await cleanUpAccount(context, id);
    return { success: true };
  },
});
