// The parameter `tags` of list commands.
import { type SelectQueryBuilder, sql } from 'kysely';
import type { Database } from '../../store/schema.ts';
import type { EntityName, EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { type Parameter, p } from '../parameter.ts';

type TextObject = Readonly<Record<string, string>>;

const map = p.map.optional('List what has all of these tags: tags[0].key=…&tags[0].value=…');

/** Clients write None for no tags. */
export const tagsParameter: Parameter<TextObject[] | undefined, false> = {
  ...map,
  parse: (text) => (text.toLowerCase() === 'none' ? undefined : map.parse(text)),
};

/** Narrows a list to what has every one of the tags. */
export function havingTags<Name extends EntityName>(
  query: SelectQueryBuilder<Database, Name, EntityRow<Name>>,
  entity: Name,
  tags: readonly TextObject[],
): SelectQueryBuilder<Database, Name, EntityRow<Name>> {
  return tags.reduce((narrowed, { key, value }) => {
    if (key === undefined) throw parameterError('tags', JSON.stringify(tags), 'a key of each tag, tags[0].key=…');
    const ofValue = value === undefined ? sql`true` : sql`resource_tag.value = ${value}`;
    return narrowed.where(
      sql<boolean>`exists (select 1 from resource_tag where resource_tag.resource_id = ${sql.ref(`${entity}.id`)}
        and resource_tag.key = ${key} and ${ofValue})`,
    );
  }, query);
}
