import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHost } from './response.ts';

/**
 * declareHostAsDegraded: an admin's word that a lost host is off, where no controller confirms it. What it carried starts
 * elsewhere then.
 */
export const declareHostAsDegraded = asyncCommand({
  name: 'declareHostAsDegraded',
  description:
    'Confirms that a host in state Alert or Disconnected is off. What it carried is started elsewhere: be sure that it is',
  roles: ['Admin'],
  parameters: { id: p.entity('host').required('The host') },
  responseKey: 'host',
  responseFields: hostFields,
  eventType: 'HOST.DECLARE.DEGRADED',
  instanceType: 'Host',
  creates: false,
  prepare: async ({ db }, { id: host }) => {
    const declared = await db
      .updateTable('host')
      .set({
        state: 'Down',
        resource_state: 'Degraded',
        fenced: new Date(),
        reason: 'An admin declared that it is off',
      })
      .where('id', '=', host.id)
      .where('state', 'in', ['Alert', 'Disconnected', 'Down'])
      .returning('id')
      .executeTakeFirst();
    if (declared !== undefined) return declared;
    throw parameterError('id', host.id, `a host in state Alert or Disconnected; it is in ${host.state}`);
  },
  execute: async ({ db }, id) => presentHost(db, id),
});
