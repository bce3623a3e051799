import type { ResponseField, ResponseFields } from './declaration.ts';

function ofType(type: ResponseField['type']): (description: string) => ResponseField {
  return (description) => ({ type, description });
}

/** Declares one field of a response. Lists and maps may say which fields their members have. */
export const field = {
  string: ofType('string'),
  boolean: ofType('boolean'),
  integer: ofType('integer'),
  long: ofType('long'),
  date: ofType('date'),
  list: (description: string, fields?: ResponseFields): ResponseField => ({
    type: 'list',
    description,
    ...(fields && { fields }),
  }),
  map: ofType('map'),
  set: (description: string, fields?: ResponseFields): ResponseField => ({
    type: 'set',
    description,
    ...(fields && { fields }),
  }),
} as const;

/** The fields of an answer that says no more than that it worked. */
export const successFields: ResponseFields = {
  success: field.boolean('True: it is done'),
  displaytext: field.string('What was done, where there is more to say'),
};
