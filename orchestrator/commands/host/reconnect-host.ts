import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHost } from './response.ts';

/** reconnectHost: asks a host at once whether it is there. A new join token is addHost's, with the same url. */
export const reconnectHost = asyncCommand({
  name: 'reconnectHost',
  description: 'Asks a host whether it is there, and takes it back where it was lost',
  roles: ['Admin'],
  parameters: { id: p.entity('host').required('The host') },
  responseKey: 'host',
  responseFields: hostFields,
  eventType: 'HOST.RECONNECT',
  instanceType: 'Host',
  creates: false,
  prepare: async (_context, { id }) => ({ id: id.id }),
  execute: async ({ db, orchestration }, id) => {
    await orchestration.reconnectHost(id);
    return presentHost(db, id);
  },
});
