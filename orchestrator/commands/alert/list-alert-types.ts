import { alertTypes } from '../../model/alert.ts';
import { syncCommand } from '../declaration.ts';
import { field } from '../response-field.ts';

export const listAlertTypes = syncCommand({
  name: 'listAlertTypes',
  description: 'Lists the kinds of alerts',
  roles: ['Admin'],
  parameters: {},
  responseKey: null,
  responseFields: {
    type: field.integer('The number of the kind'),
    name: field.string('The name of the kind'),
  },
  handler: async () => ({
    count: alertTypes.size,
    alerttype: [...alertTypes].map(([type, name]) => ({ type, name })),
  }),
});
