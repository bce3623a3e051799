import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { physicalNetworkFields, presentPhysicalNetworks } from './response.ts';
import { parseVniRange } from './vni-range.ts';

/** updatePhysicalNetwork: enables it, or moves the bounds of its VNIs. VNIs in use must stay within. */
export const updatePhysicalNetwork = asyncCommand({
  name: 'updatePhysicalNetwork',
  description: 'Updates a physical network',
  roles: ['Admin'],
  eventType: 'PHYSICAL.NETWORK.UPDATE',
  instanceType: 'PhysicalNetwork',
  creates: false,
  parameters: {
    id: p.entity('physical_network').required('The id of the physical network'),
    state: p.oneOf('Enabled', 'Disabled').optional('Enabled or Disabled'),
    vlan: p.text.optional('Range of VNIs of its guest networks, such as 100-999'),
    networkspeed: p.text.optional('Its speed'),
    tags: p.textList.optional('Its tags'),
  },
  responseKey: 'physicalnetwork',
  responseFields: physicalNetworkFields,
  prepare: async ({ db }, { id: before, state, vlan, networkspeed, tags }) => {
    const range = vlan === undefined ? { first: before.vni_first, last: before.vni_last } : parseVniRange(vlan);
    const outside = await db
      .selectFrom('network')
      .select('vni')
      .where('physical_network_id', '=', before.id)
      .where(({ eb, or }) => or([eb('vni', '<', range.first), eb('vni', '>', range.last)]))
      .executeTakeFirst();
    if (outside !== undefined) {
      throw parameterError('vlan', vlan, `a range that holds the VNI ${outside.vni}, which a network uses`);
    }
    await db
      .updateTable('physical_network')
      .set({
        state: state ?? before.state,
        vni_first: range.first,
        vni_last: range.last,
        network_speed: networkspeed ?? before.network_speed,
        tags: tags?.join(',') ?? before.tags,
      })
      .where('id', '=', before.id)
      .execute();
    return { id: before.id };
  },
  execute: async ({ db }, id) =>
    db.transaction().execute(async (trx) => {
      const rows = await trx.selectFrom('physical_network').selectAll().where('id', '=', id).execute();
      return (await presentPhysicalNetworks(trx, rows))[0] ?? {};
    }),
});
