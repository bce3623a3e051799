import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { unservedParameter } from '../unserved.ts';
import { hostFields, presentHost } from './response.ts';

/** updateHost: its name, and whether it takes new machines. */
export const updateHost = syncCommand({
  name: 'updateHost',
  description: 'Updates a host',
  roles: ['Admin'],
  parameters: {
    id: p.entity('host').required('The host'),
    name: p.name.optional('Its new name'),
    allocationstate: p.oneOf('Enable', 'Disable').optional('Enable or Disable: whether it takes new VMs'),
    hosttags: p.textList.optional('Taken and ignored: there are no host tags yet'),
    url: unservedParameter('a host agent that listens elsewhere is another host: deleteHost and addHost'),
    oscategoryid: unservedParameter('hosts have no preferred OS', 'uuid'),
    annotation: unservedParameter('there are no annotations'),
  },
  responseKey: 'host',
  responseFields: hostFields,
  handler: async ({ db, event }, { id: host, name, allocationstate }) => {
    if (allocationstate !== undefined && !['Enabled', 'Disabled'].includes(host.resource_state)) {
      const expected = `a host in resource state Enabled or Disabled; it is in ${host.resource_state}`;
      throw parameterError('id', host.id, expected);
    }
    const resource_state = allocationstate === undefined ? host.resource_state : (`${allocationstate}d` as const);
    await db
      .updateTable('host')
      .set({ name: name ?? host.name, resource_state })
      .where('id', '=', host.id)
      .execute();
    await event('HOST.UPDATE', `Updated host ${host.name}`, { type: 'Host', id: host.id });
    return presentHost(db, host.id);
  },
});
