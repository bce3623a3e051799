import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { resolveTargets, targetParameters } from './target.ts';

/** Takes tags away. */
export const deleteTags = asyncCommand({
  name: 'deleteTags',
  description: 'Takes tags away from resources; without tags, all of them',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    ...targetParameters,
    tags: p.map.optional('The tags: tags[0].key=…, with tags[0].value=… only where it has this value', {
      maxLength: 65_536,
    }),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'DELETE_TAGS',
  instanceType: 'None',
  creates: false,
  prepare: async (context, { tags, resourcetype, resourceids }) => {
    const targets = await resolveTargets(context, resourcetype, resourceids);
    const [first] = targets;
    if (first === undefined) throw parameterError('resourceids', '', 'at least one id');
    const ids = targets.map(({ id }) => id);
    if (tags === undefined) await context.db.deleteFrom('resource_tag').where('resource_id', 'in', ids).execute();
    for (const [index, { key, value }] of (tags ?? []).entries()) {
      if (key === undefined || key === '') throw parameterError(`tags[${index}].key`, key ?? '', 'the key of a tag');
      let query = context.db.deleteFrom('resource_tag').where('resource_id', 'in', ids).where('key', '=', key);
      if (value !== undefined && value !== '') query = query.where('value', '=', value);
      const { numDeletedRows } = await query.executeTakeFirst();
      if (numDeletedRows === 0n) {
        throw parameterError(`tags[${index}].key`, key, `a tag of ${resourcetype} ${ids.join(', ')}`);
      }
    }
    return { id: first.id };
  },
  execute: async () => ({ success: true }),
});
