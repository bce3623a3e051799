import type { AccountType } from '../../store/schema.ts';
import { listCommand, syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentUsers, userFields } from './response.ts';

/** The users that the caller may see. */
export const listUsers = listCommand({
  name: 'listUsers',
  description: 'Lists users',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'cloud_user',
  parameters: {
    username: p.text.optional('List the user of this name'),
    state: p.oneOf('enabled', 'disabled', 'locked').optional('List users in this state'),
    accounttype: p.integer(0, 2).optional('List users of accounts of this type'),
  },
  responseKey: 'user',
  responseFields: userFields,
  keywordColumns: ['username', 'firstname', 'lastname', 'email'],
  order: ['username'],
  filter: (query, { username, state, accounttype }) => {
    let filtered = query;
    if (username !== undefined) filtered = filtered.where('cloud_user.username', '=', username);
    if (state !== undefined) filtered = filtered.where('cloud_user.state', '=', state);
    if (accounttype === undefined) return filtered;
    return filtered.where('cloud_user.account_id', 'in', (inner) =>
      inner
        .selectFrom('account')
        .select('id')
        .where('type', '=', accounttype as AccountType),
    );
  },
  present: ({ db }, rows) => presentUsers(db, rows),
});

/** The user that has an API key. */
export const getUser = syncCommand({
  name: 'getUser',
  description: 'Finds a user by its API key',
  roles: ['Admin'],
  parameters: { userapikey: p.opaque.required('The API key of the user', { secret: true }) },
  responseKey: 'user',
  responseFields: userFields,
  handler: async ({ db }, { userapikey }) => {
    const rows = await db.selectFrom('cloud_user').selectAll().where('api_key', '=', userapikey).execute();
    const [user] = await presentUsers(db, rows);
    if (user === undefined)
      throw new ApiError('parameter', 'Invalid value for parameter userapikey: expected the API key of a user');
    return user;
  },
});
