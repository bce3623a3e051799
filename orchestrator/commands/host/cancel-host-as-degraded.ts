import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHost } from './response.ts';

/** cancelHostAsDegraded: it takes machines again as soon as it is Up. */
export const cancelHostAsDegraded = asyncCommand({
  name: 'cancelHostAsDegraded',
  description: 'Takes the word back that a host is off; it takes machines again as soon as it answers',
  roles: ['Admin'],
  parameters: { id: p.entity('host').required('The host') },
  responseKey: 'host',
  responseFields: hostFields,
  eventType: 'HOST.CANCEL.DEGRADED',
  instanceType: 'Host',
  creates: false,
  prepare: async ({ db }, { id: host }) => {
    if (host.resource_state !== 'Degraded') {
      throw parameterError('id', host.id, `a host in resource state Degraded; it is in ${host.resource_state}`);
    }
    await db.updateTable('host').set({ resource_state: 'Enabled' }).where('id', '=', host.id).execute();
    return { id: host.id };
  },
  execute: async ({ db }, id) => presentHost(db, id),
});
