import { hashPassword } from '../../store/password.ts';
import type { AccountType } from '../../store/schema.ts';
import { type CommandContext, syncCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { builtInRoles } from '../role.ts';
import { accountFields, presentAccount } from './response.ts';

function typeOf(accounttype: number | undefined, roleid: string | undefined): AccountType {
  const role = builtInRoles.find(({ id, accountType }) =>
    roleid === undefined ? accountType === accounttype : id === roleid,
  );
  if (role !== undefined) return role.accountType;
  if (roleid !== undefined) throw parameterError('roleid', roleid, 'the id of a role');
  throw new ApiError('parameter', 'Parameter roleid is missing: expected roleid or accounttype');
}

async function checkType(context: CommandContext, type: AccountType, domainLevel: number): Promise<void> {
  if (type !== 1) return;
  if (context.caller.role !== 'Admin') {
    throw new ApiError('account', 'Parameter accounttype: a root admin account is made by root admins alone');
  }
  if (domainLevel !== 0) throw parameterError('accounttype', type, '0 or 2 outside of domain ROOT');
}

/** Makes an account and its first user. */
export const createAccount = syncCommand({
  name: 'createAccount',
  description: 'Creates an account and its first user',
  roles: ['Admin', 'DomainAdmin'],
  postOnly: false,
  parameters: {
    account: p.name.optional('Name of the account; without it the user name', { maxLength: 100 }),
    accounttype: p.integer(0, 2).optional('0 user, 1 root admin, 2 domain admin'),
    roleid: p.uuid.optional('The id of the role, instead of accounttype'),
    domainid: p.entity('domain').optional('The domain; without it that of the caller'),
    email: p.text.required('Mail address'),
    firstname: p.text.required('First name'),
    lastname: p.text.required('Last name'),
    password: p.opaque.required('Password', { secret: true }),
    timezone: p.text.optional('Time zone of the user'),
    username: p.name.required('The name that the user logs in by', { maxLength: 100 }),
    networkdomain: p.fqdn.optional('DNS domain of the networks of the account'),
  },
  responseKey: 'account',
  responseFields: accountFields,
  handler: async (context, values) => {
    const { db, caller } = context;
    const domainId = values.domainid?.id ?? caller.domainId;
    const domain = await db.selectFrom('domain').selectAll().where('id', '=', domainId).executeTakeFirstOrThrow();
    const type = typeOf(values.accounttype, values.roleid);
    await checkType(context, type, domain.level);
    const name = values.account ?? values.username;
    const account = await db
      .insertInto('account')
      .values({ name, type, domain_id: domainId, network_domain: values.networkdomain ?? null })
      .onConflict((conflict) => conflict.columns(['domain_id', 'name']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (account === undefined)
      throw parameterError('account', name, `a name that no account of domain ${domain.name} has`);
    const user = await db
      .insertInto('cloud_user')
      .values({
        username: values.username,
        password_hash: await hashPassword(values.password),
        firstname: values.firstname,
        lastname: values.lastname,
        email: values.email,
        timezone: values.timezone ?? null,
        account_id: account.id,
        domain_id: domainId,
      })
      .onConflict((conflict) => conflict.columns(['domain_id', 'username']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (user === undefined) {
      throw parameterError('username', values.username, `a name that no user of domain ${domain.name} has`);
    }
    const owner = { accountId: account.id, domainId };
    await context.event('ACCOUNT.CREATE', `Account ${name} is made`, { type: 'Account', id: account.id, owner });
    return presentAccount(db, account.id);
  },
});
