import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';

/** Reads the counters of every router now. */
export const generateUsageRecords = syncCommand({
  name: 'generateUsageRecords',
  description: 'Reads the counters of every router now, so that usage records are up to date',
  roles: ['Admin'],
  parameters: {
    startdate: p.date.optional('Accepted for the clients that send it: everything that was not counted yet is'),
    enddate: p.date.optional('Accepted for the clients that send it'),
    domainid: p.entity('domain').optional('Accepted for the clients that send it: every domain is counted'),
  },
  responseKey: null,
  responseFields: successFields,
  handler: async () => ({ success: true }),
  afterCommit: ({ orchestration }) => orchestration.collectUsage(),
});
