import { passwordMatches } from '../../store/password.ts';
import { openSession } from '../../store/session.ts';
import { credentialsByName } from '../caller.ts';
import { recordEvent } from '../context.ts';
import { type CommandContext, type ResponseFields, syncCommand } from '../declaration.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';

const fields: ResponseFields = {
  username: { type: 'string', description: 'User name' },
  userid: { type: 'string', description: 'User id' },
  domainid: { type: 'string', description: 'The id of the domain' },
  timeout: { type: 'integer', description: 'Seconds without a call after which the session ends' },
  account: { type: 'string', description: 'The name of the account' },
  firstname: { type: 'string', description: 'First name' },
  lastname: { type: 'string', description: 'Last name' },
  type: { type: 'string', description: 'Type of the account: 0 user, 1 root admin, 2 domain admin' },
  timezone: { type: 'string', description: 'Time zone of the user' },
  timezoneoffset: { type: 'string', description: 'Hours from UTC' },
  registered: { type: 'string', description: 'Whether the user is registered' },
  sessionkey: { type: 'string', description: 'What each call of the session sends as parameter sessionkey' },
  is2faenabled: { type: 'string', description: 'Whether a second factor is asked for' },
  is2faverified: { type: 'string', description: 'Whether the second factor was given' },
};

const accountTypes = { User: '0', Admin: '1', DomainAdmin: '2' } as const;

/** A domain's path as the database has it: `/`, `/a/b/`; `ROOT` may stand before it. */
function pathOf(domain: string | undefined): string {
  const names = (domain ?? '').split('/').filter((name) => name !== '');
  const below = names[0] === 'ROOT' ? names.slice(1) : names;
  return below.length === 0 ? '/' : `/${below.join('/')}/`;
}

async function credentials(
  context: CommandContext,
  username: string,
  domain: string | undefined,
  domainId: string | undefined,
) {
  if (domainId !== undefined) return credentialsByName(context.db, username, { id: domainId });
  return credentialsByName(context.db, username, { path: pathOf(domain) });
}

/** Opens a session. The API puts `jsessionid` into a cookie and leaves it out of the answer. */
export const login = syncCommand({
  name: 'login',
  description: 'Logs a user in. A session is opened, whose cookie and sessionkey every further call sends.',
  roles: ['anonymous'],
  postOnly: true,
  parameters: {
    username: p.opaque.required('User name'),
    password: p.opaque.required('Password', { secret: true }),
    domain: p.opaque.optional('Path of the domain of the user; ROOT without it'),
    domainId: p.uuid.optional('The id of the domain of the user'),
  },
  responseKey: null,
  responseFields: fields,
  handler: async (context, { username, password, domain, domainId }) => {
    const found = await credentials(context, username, domain, domainId);
    // Also where there is no such user, so that the time tells nothing.
    const matches = await passwordMatches(password, found?.passwordHash ?? null);
    if (found === null || !matches) {
      throw new ApiError(
        'account',
        `Failed to authenticate user ${username.slice(0, 80)}: expected a user of that domain, and its password`,
      );
    }
    const { caller } = found;
    const timeout = Number(await context.setting('session.timeout'));
    const session = await openSession(context.db, caller.userId, timeout);
    const user = await context.db
      .selectFrom('cloud_user')
      .select(['firstname', 'lastname', 'timezone'])
      .where('id', '=', caller.userId)
      .executeTakeFirstOrThrow();
    await recordEvent(context.db, caller, { type: 'USER.LOGIN', description: `User ${caller.username} has logged in` });
    return {
      username: caller.username,
      userid: caller.userId,
      domainid: caller.domainId,
      timeout,
      account: caller.accountName,
      firstname: user.firstname,
      lastname: user.lastname,
      type: accountTypes[caller.role],
      timezone: user.timezone ?? 'UTC',
      timezoneoffset: '0.0',
      registered: 'false',
      sessionkey: session.sessionKey,
      is2faenabled: 'false',
      is2faverified: 'true',
      jsessionid: session.cookie,
    };
  },
});
