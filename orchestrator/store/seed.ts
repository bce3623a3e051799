import type { Db } from './database.ts';
import { generateKey, generatePassword, hashPassword } from './password.ts';

/** The first root admin's credentials, as they are handed out once. */
export interface AdminCredentials {
  readonly username: string;
  readonly password: string;
  readonly apiKey: string;
  readonly secretKey: string;
}

/** Makes domain ROOT and account admin with its user. Null where they are there already. */
export async function seedIdentity(db: Db): Promise<AdminCredentials | null> {
  const password = generatePassword();
  const passwordHash = await hashPassword(password);
  const credentials = { username: 'admin', password, apiKey: generateKey(), secretKey: generateKey() };
  return db.transaction().execute(async (trx) => {
    const domain = await trx
      .insertInto('domain')
      .values({ name: 'ROOT', path: '/', parent_id: null, level: 0, network_domain: null })
      .onConflict((conflict) => conflict.column('path').doNothing())
      .returning('id')
      .executeTakeFirst();
    if (domain === undefined) return null;
    const account = await trx
      .insertInto('account')
      .values({ name: 'admin', type: 1, domain_id: domain.id, network_domain: null })
      .returning('id')
      .executeTakeFirstOrThrow();
    await trx
      .insertInto('cloud_user')
      .values({
        username: credentials.username,
        password_hash: passwordHash,
        firstname: 'admin',
        lastname: 'cloud',
        email: 'admin@localhost',
        timezone: null,
        account_id: account.id,
        domain_id: domain.id,
        api_key: credentials.apiKey,
        secret_key: credentials.secretKey,
      })
      .execute();
    return credentials;
  });
}

/** Gives the root admin new credentials; the old ones end. Null without such a user. */
export async function renewAdmin(db: Db): Promise<AdminCredentials | null> {
  const password = generatePassword();
  const credentials = { username: 'admin', password, apiKey: generateKey(), secretKey: generateKey() };
  const { numUpdatedRows } = await db
    .updateTable('cloud_user')
    .set({
      password_hash: await hashPassword(password),
      api_key: credentials.apiKey,
      secret_key: credentials.secretKey,
      state: 'enabled',
    })
    .where('username', '=', credentials.username)
    .where('domain_id', 'in', (query) => query.selectFrom('domain').select('id').where('path', '=', '/'))
    .executeTakeFirst();
  return numUpdatedRows === 1n ? credentials : null;
}
