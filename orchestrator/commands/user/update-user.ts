import { hashPassword, passwordMatches } from '../../store/password.ts';
import { closeSessionsOf } from '../../store/session.ts';
import { type CommandContext, syncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentUser, userFields } from './response.ts';

type User = EntityRow<'cloud_user'>;

/** A user changes a password by naming the present one; admins change those of others without. */
async function checkCurrentPassword(context: CommandContext, user: User, current: string | undefined): Promise<void> {
  const { caller } = context;
  if (caller.role !== 'User' && user.account_id !== caller.accountId) return;
  if (current === undefined) {
    throw new ApiError('parameter', 'Parameter currentpassword is missing: expected the present password of the user');
  }
  if (!(await passwordMatches(current, user.password_hash))) {
    throw new ApiError(
      'parameter',
      'Invalid value for parameter currentpassword: expected the present password of the user',
    );
  }
}

function checkKeys(apiKey: string | undefined, secretKey: string | undefined): void {
  if ((apiKey === undefined) !== (secretKey === undefined)) {
    throw new ApiError('parameter', 'Parameters userapikey and usersecretkey: expected both or neither');
  }
  for (const [name, key] of [
    ['userapikey', apiKey],
    ['usersecretkey', secretKey],
  ] as const) {
    if (key !== undefined && !/^[\x21-\x7e]{16,255}$/.test(key)) {
      throw new ApiError(
        'parameter',
        `Invalid value for parameter ${name}: expected 16 to 255 visible ASCII characters`,
      );
    }
  }
}

async function checkFree(
  context: CommandContext,
  user: User,
  apiKey: string | undefined,
  username: string | undefined,
) {
  const others = context.db.selectFrom('cloud_user').select('id').where('id', '!=', user.id);
  if (apiKey !== undefined && (await others.where('api_key', '=', apiKey).executeTakeFirst()) !== undefined) {
    throw new ApiError('parameter', 'Invalid value for parameter userapikey: expected a key that no user has');
  }
  if (username === undefined) return;
  const taken = await others
    .where('domain_id', '=', user.domain_id)
    .where('username', '=', username)
    .executeTakeFirst();
  if (taken !== undefined) throw parameterError('username', username, 'a name that no user of the domain has');
}

/** Changes a user. A new password ends the user's sessions. */
export const updateUser = syncCommand({
  name: 'updateUser',
  description: 'Updates a user',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    id: p.entity('cloud_user').required('The user'),
    email: p.text.optional('Mail address'),
    firstname: p.text.optional('First name'),
    lastname: p.text.optional('Last name'),
    password: p.opaque.optional('New password', { secret: true }),
    currentpassword: p.opaque.optional('Present password', { secret: true }),
    timezone: p.text.optional('Time zone of the user'),
    username: p.name.optional('New user name', { maxLength: 100 }),
    userapikey: p.opaque.optional('API key; usersecretkey must stand beside it', { secret: true }),
    usersecretkey: p.opaque.optional('Secret key; userapikey must stand beside it', { secret: true }),
  },
  responseKey: 'user',
  responseFields: userFields,
  handler: async (context, values) => {
    const { db } = context;
    const { id: user } = values;
    checkKeys(values.userapikey, values.usersecretkey);
    await checkFree(context, user, values.userapikey, values.username);
    if (values.password !== undefined) await checkCurrentPassword(context, user, values.currentpassword);
    await db
      .updateTable('cloud_user')
      .set({
        email: values.email ?? user.email,
        firstname: values.firstname ?? user.firstname,
        lastname: values.lastname ?? user.lastname,
        timezone: values.timezone ?? user.timezone,
        username: values.username ?? user.username,
        api_key: values.userapikey ?? user.api_key,
        secret_key: values.usersecretkey ?? user.secret_key,
        password_hash: values.password === undefined ? user.password_hash : await hashPassword(values.password),
      })
      .where('id', '=', user.id)
      .execute();
    if (values.password !== undefined) await closeSessionsOf(db, [user.id]);
    const owner = { accountId: user.account_id, domainId: user.domain_id };
    await context.event('USER.UPDATE', `User ${user.username} is updated`, { type: 'User', id: user.id, owner });
    return presentUser(db, user.id);
  },
});
