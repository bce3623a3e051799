import type { Db, Trx } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { domainPathText } from '../owner-fields.ts';

/** Fields of a domain. */
export const domainFields: ResponseFields = {
  id: { type: 'string', description: 'The id of the domain' },
  name: { type: 'string', description: 'The name of the domain' },
  level: { type: 'integer', description: 'How far below ROOT the domain is' },
  parentdomainid: { type: 'string', description: 'The id of the domain above' },
  parentdomainname: { type: 'string', description: 'The name of the domain above' },
  haschild: { type: 'boolean', description: 'True where domains are below it' },
  networkdomain: { type: 'string', description: 'The DNS domain of its networks' },
  path: { type: 'string', description: 'The path of the domain, from ROOT' },
  state: { type: 'string', description: 'Active or Inactive' },
  created: { type: 'date', description: 'When the domain was made' },
};

/** Response objects of domains. */
export async function presentDomains(db: Db | Trx, rows: readonly EntityRow<'domain'>[]): Promise<ResponseObject[]> {
  const ids = rows.map(({ id }) => id);
  const parentIds = rows.flatMap(({ parent_id }) => (parent_id === null ? [] : [parent_id]));
  const children = await db
    .selectFrom('domain')
    .select('parent_id')
    .distinct()
    .where('parent_id', 'in', ids.length > 0 ? ids : [null])
    .execute();
  const parents =
    parentIds.length === 0
      ? []
      : await db.selectFrom('domain').select(['id', 'name']).where('id', 'in', parentIds).execute();
  const withChild = new Set(children.map(({ parent_id }) => parent_id));
  const names = new Map(parents.map(({ id, name }) => [id, name]));
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    level: row.level,
    parentdomainid: row.parent_id ?? undefined,
    parentdomainname: row.parent_id === null ? undefined : names.get(row.parent_id),
    haschild: withChild.has(row.id),
    networkdomain: row.network_domain ?? undefined,
    path: domainPathText(row.path),
    state: row.state,
    created: row.created,
  }));
}

/** The response object of one domain by id. */
export async function presentDomain(db: Db | Trx, id: string): Promise<ResponseObject> {
  const row = await db.selectFrom('domain').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  const [presented = {}] = await presentDomains(db, [row]);
  return presented;
}
