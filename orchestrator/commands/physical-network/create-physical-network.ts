import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { physicalNetworkFields, presentPhysicalNetworks } from './response.ts';
import { parseVniRange } from './vni-range.ts';

/** createPhysicalNetwork: comes Disabled, with the provider VirtualRouter and its element, as the field has it. */
export const createPhysicalNetwork = asyncCommand({
  name: 'createPhysicalNetwork',
  description: 'Creates a physical network',
  roles: ['Admin'],
  eventType: 'PHYSICAL.NETWORK.CREATE',
  instanceType: 'PhysicalNetwork',
  creates: true,
  parameters: {
    zoneid: p.entity('zone').required('Its zone'),
    name: p.name.required('Its name'),
    vlan: p.text.optional('Range of VNIs of its guest networks, such as 100-999'),
    isolationmethods: p.textList.optional('How guest networks are told apart: VXLAN'),
    networkspeed: p.text.optional('Its speed, such as 10G'),
    tags: p.textList.optional('Its tags'),
    broadcastdomainrange: p.oneOf('ZONE', 'POD').optional('ZONE'),
  },
  responseKey: 'physicalnetwork',
  responseFields: physicalNetworkFields,
  prepare: async ({ db }, { zoneid: zone, name, vlan, isolationmethods, networkspeed, tags }) => {
    const method = (isolationmethods?.[0] ?? 'VXLAN').toUpperCase();
    if (!['VXLAN', 'VLAN'].includes(method)) {
      throw parameterError('isolationmethods', isolationmethods?.join(','), 'VXLAN or VLAN');
    }
    const range = vlan === undefined ? null : parseVniRange(vlan);
    const taken = await db
      .selectFrom('physical_network')
      .select('id')
      .where('zone_id', '=', zone.id)
      .where('name', '=', name)
      .executeTakeFirst();
    if (taken !== undefined)
      throw parameterError('name', name, 'a name that no other physical network of the zone has');
    const { id } = await db
      .insertInto('physical_network')
      .values({
        zone_id: zone.id,
        name,
        vni_first: range?.first ?? null,
        vni_last: range?.last ?? null,
        isolation_method: method,
        network_speed: networkspeed ?? null,
        tags: tags?.join(',') ?? null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    const provider = await db
      .insertInto('network_service_provider')
      .values({ physical_network_id: id, name: 'VirtualRouter' })
      .returning('id')
      .executeTakeFirstOrThrow();
    await db.insertInto('virtual_router_element').values({ network_service_provider_id: provider.id }).execute();
    return { id };
  },
  execute: async ({ db }, id) =>
    db.transaction().execute(async (trx) => {
      const rows = await trx.selectFrom('physical_network').selectAll().where('id', '=', id).execute();
      return (await presentPhysicalNetworks(trx, rows))[0] ?? {};
    }),
});
