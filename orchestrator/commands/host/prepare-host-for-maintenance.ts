import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHost } from './response.ts';

/** prepareHostForMaintenance: it takes no new machines, and what runs on it moves to others. */
export const prepareHostForMaintenance = asyncCommand({
  name: 'prepareHostForMaintenance',
  description: 'Moves everything that runs on a host to others, and gives it nothing new',
  roles: ['Admin'],
  parameters: { id: p.entity('host').required('The host') },
  responseKey: 'host',
  responseFields: hostFields,
  eventType: 'MAINT.PREPARE',
  instanceType: 'Host',
  creates: false,
  prepare: async ({ db }, { id: host }) => {
    if (host.state !== 'Up') throw parameterError('id', host.id, `a host in state Up; it is in ${host.state}`);
    await db.updateTable('host').set({ resource_state: 'Maintenance' }).where('id', '=', host.id).execute();
    return { id: host.id };
  },
  execute: async ({ db, orchestration }, id) => {
    await orchestration.emptyHost(id);
    return presentHost(db, id);
  },
});
