import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHost } from './response.ts';

/** cancelHostMaintenance: it takes new machines again; what was moved off it stays where it is. */
export const cancelHostMaintenance = asyncCommand({
  name: 'cancelHostMaintenance',
  description: 'Ends the maintenance of a host',
  roles: ['Admin'],
  parameters: { id: p.entity('host').required('The host') },
  responseKey: 'host',
  responseFields: hostFields,
  eventType: 'MAINT.CANCEL',
  instanceType: 'Host',
  creates: false,
  prepare: async ({ db }, { id: host }) => {
    if (host.resource_state !== 'Maintenance') {
      throw parameterError('id', host.id, `a host in resource state Maintenance; it is in ${host.resource_state}`);
    }
    await db.updateTable('host').set({ resource_state: 'Enabled' }).where('id', '=', host.id).execute();
    return { id: host.id };
  },
  execute: async ({ db }, id) => presentHost(db, id),
});
