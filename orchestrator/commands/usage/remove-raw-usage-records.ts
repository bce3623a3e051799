import { sql } from 'kysely';
import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** Forgets old usage records. */
export const removeRawUsageRecords = syncCommand({
  name: 'removeRawUsageRecords',
  description: 'Removes usage records whose time ended more than a number of days ago',
  roles: ['Admin'],
  parameters: { interval: p.integer(1, 36_500).required('Days that are kept') },
  responseKey: null,
  responseFields: successFields,
  handler: async ({ db }, { interval }) => {
    await db
      .deleteFrom('usage_record')
      .where('end_date', '<', sql<Date>`now() - make_interval(days => ${interval}::integer)`)
      .execute();
    return { success: true };
  },
});
