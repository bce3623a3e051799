import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { physicalNetworkFields, presentPhysicalNetworks } from './response.ts';

/** listPhysicalNetworks. */
export const listPhysicalNetworks = listCommand({
  name: 'listPhysicalNetworks',
  description: 'Lists physical networks',
  roles: ['Admin'],
  entity: 'physical_network',
  keywordColumns: ['name'],
  order: ['created'],
  parameters: {
    zoneid: p.entity('zone').optional('Those of this zone'),
    name: p.text.optional('The one of this name'),
  },
  responseKey: 'physicalnetwork',
  responseFields: physicalNetworkFields,
  filter: (query, { zoneid, name }) => {
    const inZone = zoneid === undefined ? query : query.where('physical_network.zone_id', '=', zoneid.id);
    return name === undefined ? inZone : inZone.where('physical_network.name', '=', name);
  },
  present: ({ db }, rows) => presentPhysicalNetworks(db, rows),
});
