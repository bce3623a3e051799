import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentProvider, providerFields } from './response.ts';

/** listNetworkServiceProviders. */
export const listNetworkServiceProviders = listCommand({
  name: 'listNetworkServiceProviders',
  description: 'Lists the providers of network services',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'network_service_provider',
  keywordColumns: ['name'],
  order: ['name'],
  parameters: {
    physicalnetworkid: p.entity('physical_network').optional('Those of this physical network'),
    name: p.text.optional('The one of this name'),
    state: p.text.optional('Those in this state'),
  },
  responseKey: 'networkserviceprovider',
  responseFields: providerFields,
  filter: (query, { physicalnetworkid, name, state }) => {
    let narrowed = query;
    if (physicalnetworkid !== undefined) {
      narrowed = narrowed.where('network_service_provider.physical_network_id', '=', physicalnetworkid.id);
    }
    if (name !== undefined) narrowed = narrowed.where('network_service_provider.name', '=', name);
    return state === undefined ? narrowed : narrowed.where('network_service_provider.state', '=', state as 'Enabled');
  },
  present: async (_context, rows) => rows.map(presentProvider),
});
