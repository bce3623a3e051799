import { syncCommand } from '../declaration.ts';
import { hostFields, presentHosts } from '../host/response.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

/** findHostsForMigration: the other hosts of the zone that carry machines as the instance's host does. */
export const findHostsForMigration = syncCommand({
  name: 'findHostsForMigration',
  description: 'Lists the hosts that an instance can be moved to',
  roles: ['Admin'],
  parameters: { virtualmachineid: p.entity('virtual_machine').required('The instance') },
  responseKey: null,
  responseFields: {
    ...hostFields,
    suitableformigration: field.boolean('True: it is Up and Enabled'),
    requiresStorageMotion: field.boolean('True: its disk moves along'),
  },
  handler: async ({ db }, { virtualmachineid: machine }) => {
    if (machine.host_id === null) return {};
    const own = await db.selectFrom('host').selectAll().where('id', '=', machine.host_id).executeTakeFirstOrThrow();
    const hosts = await db
      .selectFrom('host')
      .selectAll()
      .where('zone_id', '=', machine.zone_id)
      .where('id', '<>', own.id)
      .where('driver', '=', own.driver)
      .orderBy('created')
      .execute();
    const shown = await presentHosts(db, hosts);
    const host = shown.map((each) => ({
      ...each,
      suitableformigration: each.state === 'Up' && each.resourcestate === 'Enabled',
      requiresStorageMotion: own.driver === 'libvirt',
    }));
    return host.length === 0 ? {} : { count: host.length, host };
  },
});
