// Tags as responses have them.
import type { Db, Trx } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

/** Fields of a tag. */
export const tagFields: ResponseFields = {
  key: field.string('Its key'),
  value: field.string('Its value'),
  resourcetype: field.string('What it is a tag of, such as UserVm'),
  resourceid: field.string('The id of what it is a tag of'),
  ...ownerResponseFields,
  customer: field.string('The customer that it names'),
};

/** Tags as objects of a response. */
export async function presentTags(db: Db | Trx, rows: readonly EntityRow<'resource_tag'>[]): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  return rows.map((row) => ({
    key: row.key,
    value: row.value,
    resourcetype: row.resource_type,
    resourceid: row.resource_id,
    ...owner(row),
    customer: row.customer ?? undefined,
  }));
}

function canHaveTags(object: ResponseObject): object is ResponseObject & { readonly id: string } {
  return typeof object.id === 'string' && Array.isArray(object.tags);
}

/** Objects of a response with their tags, where their response has such a field. One query for all. */
export async function withTags(db: Db | Trx, objects: readonly ResponseObject[]): Promise<ResponseObject[]> {
  const ids = objects.filter(canHaveTags).map(({ id }) => id);
  if (ids.length === 0) return [...objects];
  const rows = await db.selectFrom('resource_tag').selectAll().where('resource_id', 'in', ids).orderBy('key').execute();
  if (rows.length === 0) return [...objects];
  const tags = await presentTags(db, rows);
  return objects.map((object) =>
    canHaveTags(object) ? { ...object, tags: tags.filter(({ resourceid }) => resourceid === object.id) } : object,
  );
}
