import { syncCommand } from '../declaration.ts';

/** Answers success; the API ends the session that the call carries, if it carries one. */
export const logout = syncCommand({
  name: 'logout',
  description: 'Logs the user out: ends the session',
  roles: ['anonymous'],
  parameters: {},
  responseKey: null,
  responseFields: { description: { type: 'string', description: 'success' } },
  handler: async () => ({ description: 'success' }),
});
