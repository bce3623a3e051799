import { listCommand } from '../declaration.ts';
import { idFilter } from '../filters.ts';
import { p } from '../parameter.ts';
import { resourceTypes } from './resource-types.ts';
import { presentTags, tagFields } from './response.ts';

/** Lists tags. */
export const listTags = listCommand({
  name: 'listTags',
  description: 'Lists tags',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'resource_tag',
  parameters: {
    resourcetype: p.oneOf(...resourceTypes).optional('List tags of this kind of resource, such as UserVm'),
    resourceid: idFilter('List the tags of what has this id'),
    key: p.text.optional('List tags with this key'),
    value: p.text.optional('List tags with this value'),
    customer: p.text.optional('List tags of this customer'),
  },
  responseKey: 'tag',
  responseFields: tagFields,
  keywordColumns: ['key', 'value'],
  order: ['key', 'value'],
  filter: (query, { resourcetype, resourceid, key, value, customer }) => {
    let q = query;
    if (resourcetype !== undefined) q = q.where('resource_tag.resource_type', '=', resourcetype);
    if (resourceid !== undefined) q = q.where('resource_tag.resource_id', '=', resourceid);
    if (key !== undefined) q = q.where('resource_tag.key', '=', key);
    if (value !== undefined) q = q.where('resource_tag.value', '=', value);
    if (customer !== undefined) q = q.where('resource_tag.customer', '=', customer);
    return q;
  },
  present: ({ db }, rows) => presentTags(db, rows),
});
