// Who calls: read from the user's row at every call, so that what is disabled or deleted ends at once.
import type { SelectQueryBuilder } from 'kysely';
import type { Db, Trx } from '../store/database.ts';
import type { AccountType, Database } from '../store/schema.ts';
import type { Caller } from './declaration.ts';
import type { Role } from './parameter.ts';

const roles: Readonly<Record<AccountType, Role>> = { 0: 'User', 1: 'Admin', 2: 'DomainAdmin' };

/** The role of an account's type. */
export function roleOf(type: AccountType): Role {
  return roles[type];
}

/** The caller of commands that need no credentials. Reaches nothing. */
export const anonymous: Caller = {
  userId: '00000000-0000-0000-0000-000000000000',
  username: 'anonymous',
  accountId: '00000000-0000-0000-0000-000000000000',
  accountName: 'anonymous',
  domainId: '00000000-0000-0000-0000-000000000000',
  domainPath: '-',
  role: 'User',
};

function callers(db: Db | Trx) {
  return db
    .selectFrom('cloud_user')
    .innerJoin('account', 'account.id', 'cloud_user.account_id')
    .innerJoin('domain', 'domain.id', 'account.domain_id')
    .select([
      'cloud_user.id as userId',
      'cloud_user.username',
      'account.id as accountId',
      'account.name as accountName',
      'account.type',
      'domain.id as domainId',
      'domain.path as domainPath',
      'cloud_user.secret_key as secretKey',
      'cloud_user.password_hash as passwordHash',
    ]);
}

/** A user who may call now, with what its credentials are checked by. */
export interface Credentials {
  readonly caller: Caller;
  readonly secretKey: string | null;
  readonly passwordHash: string;
}

interface CallerRow {
  userId: string;
  username: string;
  accountId: string;
  accountName: string;
  type: AccountType;
  domainId: string;
  domainPath: string;
  secretKey: string | null;
  passwordHash: string;
}

async function first(
  query: SelectQueryBuilder<Database, 'cloud_user' | 'account' | 'domain', CallerRow>,
): Promise<Credentials | null> {
  const row = await query
    .where('cloud_user.state', '=', 'enabled')
    .where('account.state', '=', 'enabled')
    .where('domain.state', '=', 'Active')
    .executeTakeFirst();
  if (row === undefined) return null;
  const { secretKey, passwordHash, type, ...rest } = row;
  return { caller: { ...rest, role: roleOf(type) }, secretKey, passwordHash };
}

/** The enabled user of an enabled account who has this API key; null for none. */
export function credentialsByApiKey(db: Db | Trx, apiKey: string): Promise<Credentials | null> {
  return first(callers(db).where('cloud_user.api_key', '=', apiKey));
}

/** The enabled user of that name in a domain, told by its path (`/`, `/a/`) or its id; null for none. */
export function credentialsByName(
  db: Db | Trx,
  username: string,
  domain: { path: string } | { id: string },
): Promise<Credentials | null> {
  const query = callers(db).where('cloud_user.username', '=', username);
  return first(
    'id' in domain ? query.where('domain.id', '=', domain.id) : query.where('domain.path', '=', domain.path),
  );
}

/** The enabled user of that id; null for none. */
export async function callerById(db: Db | Trx, userId: string): Promise<Caller | null> {
  return (await first(callers(db).where('cloud_user.id', '=', userId)))?.caller ?? null;
}

/** The first user of the oldest root admin account: who the integration port acts for. */
export async function rootCaller(db: Db | Trx): Promise<Caller | null> {
  return (
    (await first(callers(db).where('account.type', '=', 1).orderBy('cloud_user.created').limit(1)))?.caller ?? null
  );
}
