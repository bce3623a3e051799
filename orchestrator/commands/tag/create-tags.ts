import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { resolveTargets, targetParameters } from './target.ts';

const mostTags = 50;
const mostCharacters = 255;

/** Tags resources. */
export const createTags = asyncCommand({
  name: 'createTags',
  description: 'Tags resources, each with every one of the tags',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {
    tags: p.map.required('The tags: tags[0].key=…&tags[0].value=…', { maxLength: 65_536 }),
    ...targetParameters,
    customer: p.text.optional('The customer that the tags belong to'),
  },
  responseKey: null,
  responseFields: successFields,
  eventType: 'CREATE_TAGS',
  instanceType: 'None',
  creates: false,
  prepare: async (context, { tags, resourcetype, resourceids, customer }) => {
    const targets = await resolveTargets(context, resourcetype, resourceids);
    const [first] = targets;
    if (first === undefined) throw parameterError('resourceids', '', 'at least one id');
    if (tags.length === 0 || tags.length > mostTags) {
      throw parameterError('tags', tags.length, `from 1 to ${mostTags} tags`);
    }
    for (const [index, { key = '', value = '' }] of tags.entries()) {
      if (key === '' || key.length > mostCharacters) {
        throw parameterError(`tags[${index}].key`, key, `from 1 to ${mostCharacters} characters`);
      }
      if (value === '' || value.length > mostCharacters) {
        throw parameterError(`tags[${index}].value`, value, `from 1 to ${mostCharacters} characters`);
      }
      const isTwice = tags.findIndex((other) => other.key === key) !== index;
      if (isTwice) throw parameterError(`tags[${index}].key`, key, 'each key once');
      for (const target of targets) {
        const had = await context.db
          .insertInto('resource_tag')
          .values({
            resource_type: resourcetype,
            resource_id: target.id,
            key,
            value,
            customer: customer ?? null,
            account_id: target.account_id,
            domain_id: target.domain_id,
          })
          .onConflict((conflict) => conflict.doNothing())
          .returning('id')
          .executeTakeFirst();
        if (had === undefined) {
          throw parameterError(
            `tags[${index}].key`,
            key,
            `a key that ${resourcetype} ${target.id} has no tag with yet`,
          );
        }
      }
    }
    return { id: first.id };
  },
  execute: async () => ({ success: true }),
});
