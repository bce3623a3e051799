import type { AccountType } from '../../store/schema.ts';
import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { accountFields, presentAccounts } from './response.ts';

/** The accounts that the caller may see. */
export const listAccounts = listCommand({
  name: 'listAccounts',
  description: 'Lists accounts',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'account',
  parameters: {
    name: p.text.optional('List the account of this name'),
    accounttype: p.integer(0, 2).optional('List accounts of this type: 0 user, 1 root admin, 2 domain admin'),
    state: p.oneOf('enabled', 'disabled', 'locked').optional('List accounts in this state'),
  },
  responseKey: 'account',
  responseFields: accountFields,
  keywordColumns: ['name'],
  order: ['name'],
  filter: (query, { name, accounttype, state }) => {
    let filtered = query;
    if (name !== undefined) filtered = filtered.where('account.name', '=', name);
    if (accounttype !== undefined) filtered = filtered.where('account.type', '=', accounttype as AccountType);
    if (state !== undefined) filtered = filtered.where('account.state', '=', state);
    return filtered;
  },
  present: ({ db }, rows) => presentAccounts(db, rows),
});
