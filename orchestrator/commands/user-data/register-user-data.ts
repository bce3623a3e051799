import { parseUserDataParams } from '../../model/user-data.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { checkUserDataLength, userDataParameter } from './parameter.ts';
import { presentUserData, userDataResponseFields } from './response.ts';

export const registerUserData = syncCommand({
  name: 'registerUserData',
  description: 'Keeps user data under a name',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    name: p.name.required('Its name'),
    userdata: { ...userDataParameter, required: true } as const,
    params: {
      ...p.text.optional('Names of the variables in it, comma-separated', { maxLength: 4096 }),
      kind: 'variableNames',
      parse: parseUserDataParams,
    },
    account: p.text.optional('The account to keep it for; with domainid where that is of another domain'),
    domainid: p.entity('domain').optional("The account's domain"),
    projectid: unservedParameter('there are no projects', 'uuid'),
  },
  responseKey: 'userdata',
  responseFields: userDataResponseFields,
  handler: async (context, { name, userdata, params, ...named }) => {
    const { db } = context;
    await checkUserDataLength(context, userdata);
    const { accountId, domainId } = await context.owner(named);
    const row = await db
      .insertInto('user_data')
      .values({ name, data: userdata, params: params ?? '', account_id: accountId, domain_id: domainId })
      .onConflict((conflict) => conflict.columns(['account_id', 'name']).doNothing())
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw parameterError('name', name, 'a name that no other user data of the account has');
    const resource = { type: 'UserData', id: row.id, owner: { accountId, domainId } };
    await context.event('REGISTER.USER.DATA', `Registered user data ${name}`, resource);
    return (await presentUserData(db, [row]))[0] ?? {};
  },
});
