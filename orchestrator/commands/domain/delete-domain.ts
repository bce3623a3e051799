import type { Trx } from '../../store/database.ts';
import { closeSessionsOf } from '../../store/session.ts';
import { usersOf } from '../account/account-by-name.ts';
import { cleanUpAccount } from '../account/clean-up.ts';
import { asyncCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

async function accountsBelow(db: Trx, domain: EntityRow<'domain'>) {
  return db
    .selectFrom('account')
    .innerJoin('domain', 'domain.id', 'account.domain_id')
    .select(['account.id', 'account.name'])
    .where((builder) => builder.fn('starts_with', ['domain.path', builder.val(domain.path)]))
    .execute();
}

/** Ends the access of everyone in a domain and below it, then destroys what they own, the accounts and the domains. */
export const deleteDomain = asyncCommand({
  name: 'deleteDomain',
  description: 'Deletes a domain; with cleanup also the accounts and domains in it',
  roles: ['Admin', 'DomainAdmin'],
  eventType: 'DOMAIN.DELETE',
  instanceType: 'Domain',
  creates: false,
  parameters: {
    id: p.entity('domain').required('The domain'),
    cleanup: p.boolean.optional('True: delete the accounts and domains in it too'),
  },
  responseKey: null,
  responseFields: successFields,
  prepare: async ({ db, caller }, { id: domain, cleanup }) => {
    if (domain.parent_id === null || caller.domainPath.startsWith(domain.path)) {
      const message = `Domain ${domain.name} (parameter id) cannot be deleted: expected one below the domain of the caller`;
      throw new ApiError('parameter', message);
    }
    const accounts = await accountsBelow(db, domain);
    const child = await db.selectFrom('domain').select('name').where('parent_id', '=', domain.id).executeTakeFirst();
    const content = accounts[0]?.name ?? child?.name;
    if (content !== undefined && cleanup !== true) {
      const message = `Domain ${domain.name} (parameter id) still holds ${content}: expected an empty domain, or cleanup=true`;
      throw new ApiError('inUse', message);
    }
    await db
      .updateTable('domain')
      .set({ state: 'Inactive' })
      .where((builder) => builder.fn('starts_with', ['path', builder.val(domain.path)]))
      .execute();
    for (const { id } of accounts) await closeSessionsOf(db, await usersOf(db, id));
    return { id: domain.id };
  },
  execute: async (context, id) => {
    const { db } = context;
    const domain = await db.selectFrom('domain').selectAll().where('id', '=', id).executeTakeFirst();
    if (domain === undefined) return { success: true };
    const accounts = await db.transaction().execute((trx) => accountsBelow(trx, domain));
    for (const account of accounts) await cleanUpAccount(context, account.id);
    const below = await db
      .selectFrom('domain')
      .select('id')
      .where((builder) => builder.fn('starts_with', ['path', builder.val(domain.path)]))
      .orderBy('level', 'desc')
      .execute();
    for (const { id: domainId } of below) await db.deleteFrom('domain').where('id', '=', domainId).execute();
    return { success: true };
  },
});
