import { asyncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { outOfBandFields, presentOutOfBand } from './response.ts';
import { heedOutOfBand, outOfBandRow } from './row.ts';

/** enableOutOfBandManagementForHost: what was configured is heeded from now on. */
export const enableOutOfBandManagementForHost = asyncCommand({
  name: 'enableOutOfBandManagementForHost',
  description: "Enables a host's out-of-band management",
  roles: ['Admin'],
  parameters: { hostid: p.entity('host').required('The host') },
  responseKey: 'outofbandmanagement',
  responseFields: outOfBandFields,
  eventType: 'HOST.OOBM.ENABLE',
  instanceType: 'Host',
  creates: false,
  prepare: ({ db }, { hostid: host }) => heedOutOfBand(db, host.id, true),
  execute: async ({ db }, id) => ({ ...presentOutOfBand(await outOfBandRow(db, id)), status: true }),
});
