import { powerActions } from '../../model/host-orchestration.ts';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { outOfBandFields, presentOutOfBand } from './response.ts';
import { outOfBandRow } from './row.ts';

/** issueOutOfBandManagementPowerAction: switches a host's power, or asks for it. */
export const issueOutOfBandManagementPowerAction = asyncCommand({
  name: 'issueOutOfBandManagementPowerAction',
  description: "Switches a host's power by its out-of-band management, or asks for its state",
  roles: ['Admin'],
  parameters: {
    hostid: p.entity('host').required('The host'),
    action: p.oneOf(...powerActions).required(`One of ${powerActions.join(', ')}`),
    timeout: { ...p.integer(1, 3600).optional('Accepted for the clients that send it'), type: 'long' },
  },
  responseKey: 'outofbandmanagement',
  responseFields: outOfBandFields,
  eventType: 'HOST.OOBM.POWER',
  instanceType: 'Host',
  creates: false,
  prepare: async ({ db }, { hostid: host }) => {
    const row = await outOfBandRow(db, host.id);
    if (!row.is_enabled) throw parameterError('hostid', host.id, 'a host whose out-of-band management is enabled');
    return { id: host.id };
  },
  execute: async ({ db, orchestration }, id, { action }) => {
    const powerstate = await orchestration.issuePowerAction(id, action);
    const row = presentOutOfBand(await outOfBandRow(db, id));
    return { ...row, powerstate, action, description: `Power action ${action} is done`, status: true };
  },
});
