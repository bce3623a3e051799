import { syncCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { passwordParameter } from './parameters.ts';
import { outOfBandFields, presentOutOfBand } from './response.ts';
import { outOfBandRow } from './row.ts';

/**
 * changeOutOfBandManagementPassword: at the controller, and then here. Done when it is answered, where the field has a
 * job: the parameters of a job are stored, and the password is not to be.
 */
export const changeOutOfBandManagementPassword = syncCommand({
  name: 'changeOutOfBandManagementPassword',
  description: "Changes the password of the user of a host's controller",
  roles: ['Admin'],
  parameters: {
    hostid: p.entity('host').required('The host'),
    password: passwordParameter,
  },
  responseKey: 'outofbandmanagement',
  responseFields: outOfBandFields,
  handler: async ({ db }, { hostid: host }) => ({ ...presentOutOfBand(await outOfBandRow(db, host.id)), status: true }),
  afterCommit: async ({ orchestration, event }, { hostid: host, password }) => {
    await orchestration.changePowerPassword(host.id, password);
    await event('HOST.OOBM.CHANGE.PASSWORD', `Changed the controller's password of host ${host.name}`, {
      type: 'Host',
      id: host.id,
    });
  },
});
