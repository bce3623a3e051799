import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

/** listOsTypes. */
export const listOsTypes = listCommand({
  name: 'listOsTypes',
  description: 'Lists the operating systems that a template may hold',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'os_type',
  keywordColumns: ['description'],
  order: ['description'],
  parameters: { description: p.text.optional('The one of this description') },
  responseKey: 'ostype',
  responseFields: {
    id: field.string('The id of the OS type'),
    name: field.string('Its name'),
    description: field.string('Its name'),
    oscategoryname: field.string('Its category'),
    isuserdefined: field.boolean('Always false'),
  },
  filter: (query, { description }) =>
    description === undefined ? query : query.where('os_type.description', '=', description),
  present: async (_context, rows) =>
    rows.map((row) => ({
      id: row.id,
      name: row.description,
      description: row.description,
      oscategoryname: row.category,
      isuserdefined: false,
    })),
});
