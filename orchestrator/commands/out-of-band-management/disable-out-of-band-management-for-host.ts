import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { outOfBandFields, presentOutOfBand } from './response.ts';
import { heedOutOfBand, outOfBandRow } from './row.ts';

/** disableOutOfBandManagementForHost: what was configured is no longer heeded. */
export const disableOutOfBandManagementForHost = asyncCommand({
  name: 'disableOutOfBandManagementForHost',
  description: "Disables a host's out-of-band management",
  roles: ['Admin'],
  parameters: { hostid: p.entity('host').required('The host') },
  responseKey: 'outofbandmanagement',
  responseFields: outOfBandFields,
  eventType: 'HOST.OOBM.DISABLE',
  instanceType: 'Host',
  creates: false,
  prepare: ({ db }, { hostid: host }) => heedOutOfBand(db, host.id, false),
  execute: async ({ db }, id) => ({ ...presentOutOfBand(await outOfBandRow(db, id)), status: true }),
});
