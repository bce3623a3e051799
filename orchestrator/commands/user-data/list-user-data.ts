import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentUserData, userDataResponseFields } from './response.ts';

export const listUserData = listCommand({
  name: 'listUserData',
  description: 'Lists user data that is kept under a name',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'user_data',
  keywordColumns: ['name'],
  order: ['created'],
  parameters: { name: p.name.optional('List by name') },
  responseKey: 'userdata',
  responseFields: userDataResponseFields,
  filter: (query, { name }) => (name === undefined ? query : query.where('user_data.name', '=', name)),
  present: ({ db }, rows) => presentUserData(db, rows),
});
