import { alertTypeOf } from '../../model/alert.ts';
import { listCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { alertFields, presentAlert } from './response.ts';

/** What is wrong with the installation, and what was; archived alerts are left out. */
export const listAlerts = listCommand({
  name: 'listAlerts',
  description: 'Lists alerts, the newest first',
  roles: ['Admin'],
  entity: 'alert',
  keywordColumns: ['name', 'description'],
  order: ['last_sent desc'],
  parameters: {
    type: p.text.optional('List alerts of this kind, by its number or its name'),
    name: p.text.optional('List alerts of this name'),
  },
  responseKey: 'alert',
  responseFields: alertFields,
  filter: (query, { type, name }) => {
    let q = query.where('alert.archived', '=', false);
    if (type !== undefined) {
      const number = alertTypeOf(type);
      if (number === null) throw parameterError('type', type, 'a number or name that listAlertTypes lists');
      q = q.where('alert.type', '=', number);
    }
    if (name !== undefined) q = q.where('alert.name', '=', name);
    return q;
  },
  present: async (_context, rows) => rows.map(presentAlert),
});
