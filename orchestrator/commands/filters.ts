// Filters that list commands share.
import { InvalidValueError } from '@isthmus/net';
import { type SelectQueryBuilder, sql } from 'kysely';
import { isUuid } from '../model/uuid.ts';
import type { Database } from '../store/schema.ts';
import { type Parameter, p } from './parameter.ts';

// Refuses control characters and line breaks, as every text does.
const { parse: anyText } = p.text.optional('');

/**
 * A filter by something that no object of this release has, such as a VPC or a tag: given, it leaves nothing. What
 * clients write for "not given" is undefined.
 */
export function absentFilter(what: string): Parameter<string | undefined, false> {
  return {
    type: 'string',
    kind: 'absentFilter',
    description: `List what belongs to this ${what}; no object of this release does`,
    required: false,
    maxLength: 4096,
    parse: (text) => (['none', 'null', 'undefined', '[]'].includes(text.toLowerCase()) ? undefined : anyText(text)),
  };
}

/** A UUID to filter by; one that names nothing, or nothing of the caller's, leaves nothing. */
export function idFilter(description: string): Parameter<string | undefined, false> {
  return {
    type: 'uuid',
    kind: 'idFilter',
    description,
    required: false,
    maxLength: 255,
    parse: (text) => {
      if (text.toLowerCase() === 'none') return undefined;
      if (!isUuid(text)) throw new InvalidValueError(text, 'a UUID');
      return text.toLowerCase();
    },
  };
}

/** Leaves no row where a condition of the call can hold for none. */
export function nothingWhere<Name extends keyof Database, Row>(
  query: SelectQueryBuilder<Database, Name, Row>,
  impossible: boolean,
): SelectQueryBuilder<Database, Name, Row> {
  return impossible ? query.where(sql<boolean>`false`) : query;
}
