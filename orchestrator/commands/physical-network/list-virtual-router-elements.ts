import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { elementFields } from './response.ts';

/** listVirtualRouterElements. */
export const listVirtualRouterElements = listCommand({
  name: 'listVirtualRouterElements',
  description: 'Lists the elements that deploy virtual routers',
  roles: ['Admin'],
  entity: 'virtual_router_element',
  keywordColumns: [],
  order: ['id'],
  parameters: {
    nspid: p.entity('network_service_provider').optional('The one of this provider'),
    enabled: p.boolean.optional('Those that are enabled, or those that are not'),
  },
  responseKey: 'virtualrouterelement',
  responseFields: elementFields,
  filter: (query, { nspid, enabled }) => {
    const ofProvider =
      nspid === undefined ? query : query.where('virtual_router_element.network_service_provider_id', '=', nspid.id);
    return enabled === undefined ? ofProvider : ofProvider.where('virtual_router_element.enabled', '=', enabled);
  },
  present: async (_context, rows) =>
    rows.map((row) => ({ id: row.id, nspid: row.network_service_provider_id, enabled: row.enabled })),
});
