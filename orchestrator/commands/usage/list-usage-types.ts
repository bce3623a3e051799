import { syncCommand } from '../declaration.ts';
import { field } from '../response-field.ts';

/** CloudStack's usage types that are accounted for. */
export const usageTypes = [
  { id: 4, name: 'network.bytes.sent', description: 'Network Usage (Bytes Sent)' },
  { id: 5, name: 'network.bytes.received', description: 'Network Usage (Bytes Received)' },
] as const;

/** Tells which kinds of usage records there are. */
export const listUsageTypes = syncCommand({
  name: 'listUsageTypes',
  description: 'Lists the kinds of usage records',
  roles: ['Admin', 'DomainAdmin', 'User'],
  parameters: {},
  responseKey: null,
  responseFields: {
    id: field.integer('The number of the kind, which listUsageRecords takes as type'),
    name: field.string('Its name'),
    description: field.string('What it counts'),
  },
  handler: async () => ({ count: usageTypes.length, usagetype: usageTypes }),
});
