import { isInterfaceName } from '@isthmus/net';
import { asyncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { presentTrafficType, trafficTypeFields } from './response.ts';

/** addTrafficType: what a physical network carries. `kvmnetworklabel` of Public names a bridge that the hosts have. */
export const addTrafficType = asyncCommand({
  name: 'addTrafficType',
  description: 'Adds a traffic type to a physical network',
  roles: ['Admin'],
  eventType: 'TRAFFIC.TYPE.CREATE',
  instanceType: 'TrafficType',
  creates: true,
  parameters: {
    physicalnetworkid: p.entity('physical_network').required('The physical network'),
    traffictype: p
      .oneOf('Public', 'Guest', 'Management', 'Storage', 'Control')
      .required('Public, Guest, Management, Storage or Control'),
    kvmnetworklabel: p.text.optional("The bridge on the hosts; without it the host agent's own"),
    isolationmethod: p.text.optional('Taken and ignored: the physical network says it'),
  },
  responseKey: 'traffictype',
  responseFields: trafficTypeFields,
  prepare: async ({ db }, { physicalnetworkid: network, traffictype, kvmnetworklabel }) => {
    if (kvmnetworklabel !== undefined && !isInterfaceName(kvmnetworklabel)) {
      throw parameterError('kvmnetworklabel', kvmnetworklabel, 'the name of a bridge, at most 15 characters');
    }
    const taken = await db
      .selectFrom('traffic_type')
      .select('id')
      .where('physical_network_id', '=', network.id)
      .where('traffic_type', '=', traffictype)
      .executeTakeFirst();
    if (taken !== undefined) {
      throw parameterError('traffictype', traffictype, 'a traffic type that the physical network does not carry yet');
    }
    return db
      .insertInto('traffic_type')
      .values({ physical_network_id: network.id, traffic_type: traffictype, label: kvmnetworklabel ?? null })
      .returning('id')
      .executeTakeFirstOrThrow();
  },
  execute: async ({ db }, id) =>
    presentTrafficType(await db.selectFrom('traffic_type').selectAll().where('id', '=', id).executeTakeFirstOrThrow()),
});
