import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { accountNamed } from './account-by-name.ts';
import { accountFields, presentAccount } from './response.ts';

/** Renames an account, or changes the DNS domain of its networks to come. */
export const updateAccount = syncCommand({
  name: 'updateAccount',
  description: 'Updates an account',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    id: p.entity('account').optional('The account'),
    account: p.text.optional('Name of the account, with domainid instead of id'),
    domainid: p.entity('domain').optional('The domain of the account'),
    newname: p.name.optional('New name of the account', { maxLength: 100 }),
    networkdomain: p.fqdn.optional('DNS domain of the networks of the account'),
  },
  responseKey: 'account',
  responseFields: accountFields,
  handler: async (context, values) => {
    const { db } = context;
    const account = await accountNamed(context, values);
    const name = values.newname ?? account.name;
    const taken = await db
      .selectFrom('account')
      .select('id')
      .where('domain_id', '=', account.domain_id)
      .where('name', '=', name)
      .where('id', '!=', account.id)
      .executeTakeFirst();
    if (taken !== undefined) throw parameterError('newname', name, 'a name that no account of the domain has');
    const network_domain = values.networkdomain ?? account.network_domain;
    await db.updateTable('account').set({ name, network_domain }).where('id', '=', account.id).execute();
    const owner = { accountId: account.id, domainId: account.domain_id };
    await context.event('ACCOUNT.UPDATE', `Account ${name} is updated`, { type: 'Account', id: account.id, owner });
    return presentAccount(db, account.id);
  },
});
