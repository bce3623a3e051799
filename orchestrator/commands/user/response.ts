import type { Db, Trx } from '../../store/database.ts';
import type { AccountType } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { roleFields } from '../role.ts';

/** Fields of a user. The secret key is told by getUserKeys and registerUserKeys alone. */
export const userFields: ResponseFields = {
  id: { type: 'string', description: 'The id of the user' },
  username: { type: 'string', description: 'The name that the user logs in by' },
  firstname: { type: 'string', description: 'First name' },
  lastname: { type: 'string', description: 'Last name' },
  email: { type: 'string', description: 'Mail address' },
  created: { type: 'date', description: 'When the user was made' },
  state: { type: 'string', description: 'enabled, disabled or locked' },
  account: { type: 'string', description: 'The name of the account' },
  accountid: { type: 'string', description: 'The id of the account' },
  accounttype: { type: 'integer', description: '0 user, 1 root admin, 2 domain admin' },
  usersource: { type: 'string', description: 'Where the user comes from' },
  roleid: { type: 'string', description: 'The id of the role' },
  roletype: { type: 'string', description: 'Admin, DomainAdmin or User' },
  rolename: { type: 'string', description: 'The name of the role' },
  domainid: { type: 'string', description: 'The id of the domain' },
  domain: { type: 'string', description: 'The name of the domain' },
  timezone: { type: 'string', description: 'Time zone of the user' },
  apikey: { type: 'string', description: 'The API key' },
  iscallerchilddomain: { type: 'boolean', description: 'True where the domain is below the domain of the caller' },
  isdefault: { type: 'boolean', description: 'True for a user that the installation made' },
  is2faenabled: { type: 'boolean', description: 'Whether a second factor is asked for' },
  is2famandated: { type: 'boolean', description: 'Whether a second factor is mandatory' },
};

type UserRow = EntityRow<'cloud_user'>;
interface Owners {
  readonly accounts: ReadonlyMap<string, { name: string; type: AccountType }>;
  readonly domains: ReadonlyMap<string, string>;
}

async function ownersOf(db: Db | Trx, rows: readonly UserRow[]): Promise<Owners> {
  if (rows.length === 0) return { accounts: new Map(), domains: new Map() };
  const found = await db
    .selectFrom('account')
    .innerJoin('domain', 'domain.id', 'account.domain_id')
    .select(['account.id', 'account.name', 'account.type', 'domain.id as domainId', 'domain.name as domainName'])
    .where(
      'account.id',
      'in',
      rows.map((row) => row.account_id),
    )
    .execute();
  return {
    accounts: new Map(found.map(({ id, name, type }) => [id, { name, type }])),
    domains: new Map(found.map(({ domainId, domainName }) => [domainId, domainName])),
  };
}

/** Response objects of users. */
export async function presentUsers(db: Db | Trx, rows: readonly UserRow[]): Promise<ResponseObject[]> {
  const { accounts, domains } = await ownersOf(db, rows);
  return rows.map((row) => {
    const account = accounts.get(row.account_id);
    return {
      id: row.id,
      username: row.username,
      firstname: row.firstname,
      lastname: row.lastname,
      email: row.email,
      created: row.created,
      state: row.state,
      account: account?.name,
      accountid: row.account_id,
      accounttype: account?.type,
      usersource: 'native',
      ...(account === undefined ? {} : roleFields(account.type)),
      domainid: row.domain_id,
      domain: domains.get(row.domain_id),
      timezone: row.timezone ?? undefined,
      apikey: row.api_key ?? undefined,
      iscallerchilddomain: false,
      isdefault: false,
      is2faenabled: false,
      is2famandated: false,
    };
  });
}

/** The response object of one user by id. */
export async function presentUser(db: Db | Trx, id: string): Promise<ResponseObject> {
  const row = await db.selectFrom('cloud_user').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const [presented = {}] = await presentUsers(db, [row]);
  return presented;
}
