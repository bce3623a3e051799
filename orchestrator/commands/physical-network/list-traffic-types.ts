import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentTrafficType, trafficTypeFields } from './response.ts';

/** listTrafficTypes. */
export const listTrafficTypes = listCommand({
  name: 'listTrafficTypes',
  description: 'Lists the traffic types of a physical network',
  roles: ['Admin'],
  entity: 'traffic_type',
  keywordColumns: ['traffic_type'],
  order: ['traffic_type'],
  parameters: { physicalnetworkid: p.entity('physical_network').required('The physical network') },
  responseKey: 'traffictype',
  responseFields: trafficTypeFields,
  filter: (query, { physicalnetworkid }) => query.where('traffic_type.physical_network_id', '=', physicalnetworkid.id),
  present: async (_context, rows) => rows.map(presentTrafficType),
});
