import { hashPassword } from '../../store/password.ts';
import { accountNamed } from '../account/account-by-name.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentUser, userFields } from './response.ts';

/** Adds a user to an account. */
export const createUser = syncCommand({
  name: 'createUser',
  description: 'Creates a user of an account',
  roles: ['Admin', 'DomainAdmin'],
  parameters: {
    account: p.text.required('Name of the account'),
    domainid: p.entity('domain').optional('The domain of the account; without it that of the caller'),
    email: p.text.required('Mail address'),
    firstname: p.text.required('First name'),
    lastname: p.text.required('Last name'),
    password: p.opaque.required('Password', { secret: true }),
    timezone: p.text.optional('Time zone of the user'),
    username: p.name.required('The name that the user logs in by', { maxLength: 100 }),
  },
  responseKey: 'user',
  responseFields: userFields,
  handler: async (context, values) => {
    const account = await accountNamed(context, { account: values.account, domainid: values.domainid });
    const user = await context.db
      .insertInto('cloud_user')
      .values({
        username: values.username,
        password_hash: await hashPassword(values.password),
        firstname: values.firstname,
        lastname: values.lastname,
        email: values.email,
        timezone: values.timezone ?? null,
        account_id: account.id,
        domain_id: account.domain_id,
      })
      .onConflict((conflict) => conflict.columns(['domain_id', 'username']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (user === undefined) throw parameterError('username', values.username, 'a name that no user of the domain has');
    const owner = { accountId: account.id, domainId: account.domain_id };
    await context.event('USER.CREATE', `User ${values.username} is made`, { type: 'User', id: user.id, owner });
    return presentUser(context.db, user.id);
  },
});
