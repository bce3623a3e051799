import { syncCommand } from '../declaration.ts';
import { successFields } from '../response-field.ts';
import { choiceParameters, chosenAlerts } from './chosen-alerts.ts';

export const archiveAlerts = syncCommand({
  name: 'archiveAlerts',
  description: 'Takes alerts off the list; they are kept until they are purged',
  roles: ['Admin'],
  parameters: choiceParameters,
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db }, choice) => {
    const ids = await chosenAlerts(db, choice);
    if (ids.length > 0) await db.updateTable('alert').set({ archived: true }).where('id', 'in', ids).execute();
    return { success: true };
  },
});
