import { syncCommand } from '../declaration.ts';
import { successFields } from '../response-field.ts';
import { choiceParameters, chosenAlerts } from './chosen-alerts.ts';

export const deleteAlerts = syncCommand({
  name: 'deleteAlerts',
  description: 'Deletes alerts; one whose reason lasts is raised again',
  roles: ['Admin'],
  parameters: choiceParameters,
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db }, choice) => {
    const ids = await chosenAlerts(db, choice);
    if (ids.length > 0) await db.deleteFrom('alert').where('id', 'in', ids).execute();
    return { success: true };
  },
});
