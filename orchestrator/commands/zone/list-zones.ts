import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { presentZone, zoneFields } from './response.ts';

/** listZones: tenants see the enabled ones alone. */
export const listZones = listCommand({
  name: 'listZones',
  description: 'Lists zones',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'zone',
  keywordColumns: ['name'],
  order: ['created'],
  parameters: {
    ids: p.entities('zone').optional('The ids of the zones'),
    name: p.text.optional('The name of the zone'),
    networktype: p.text.optional('Advanced or Basic'),
    available: p.boolean.optional('Taken and ignored: tenants see enabled zones in any case'),
  },
  responseKey: 'zone',
  responseFields: zoneFields,
  filter: (query, { name, networktype, ids }, { caller }) => {
    let narrowed = query;
    if (name !== undefined) narrowed = narrowed.where('zone.name', '=', name);
    if (networktype !== undefined) narrowed = narrowed.where('zone.network_type', '=', networktype as 'Advanced');
    if (ids !== undefined) {
      narrowed = narrowed.where(
        'zone.id',
        'in',
        ids.map(({ id }) => id),
      );
    }
    return caller.role === 'Admin' ? narrowed : narrowed.where('zone.allocation_state', '=', 'Enabled');
  },
  present: async (_context, zones) => zones.map(presentZone),
});
