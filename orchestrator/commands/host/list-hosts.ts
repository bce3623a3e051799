import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHosts } from './response.ts';

/** listHosts. */
export const listHosts = listCommand({
  name: 'listHosts',
  description: 'Lists hosts',
  roles: ['Admin'],
  entity: 'host',
  keywordColumns: ['name'],
  order: ['created'],
  parameters: {
    zoneid: p.entity('zone').optional('Those of this zone'),
    podid: p.entity('pod').optional('Those of this pod'),
    clusterid: p.entity('cluster').optional('Those of this cluster'),
    name: p.text.optional('Those of this name'),
    state: p.text.optional('Those in this state'),
    resourcestate: p.text.optional('Those in this resource state'),
    type: p.text.optional('Routing; there are no others'),
  },
  responseKey: 'host',
  responseFields: hostFields,
  filter: (query, { zoneid, podid, clusterid, name, state, resourcestate, type }) => {
    let narrowed = query;
    if (zoneid !== undefined) narrowed = narrowed.where('host.zone_id', '=', zoneid.id);
    if (podid !== undefined) narrowed = narrowed.where('host.pod_id', '=', podid.id);
    if (clusterid !== undefined) narrowed = narrowed.where('host.cluster_id', '=', clusterid.id);
    if (name !== undefined) narrowed = narrowed.where('host.name', '=', name);
    if (state !== undefined) narrowed = narrowed.where('host.state', '=', state as 'Up');
    if (resourcestate !== undefined) narrowed = narrowed.where('host.resource_state', '=', resourcestate as 'Enabled');
    return type === undefined || type.toLowerCase() === 'routing' ? narrowed : narrowed.where(({ lit }) => lit(false));
  },
  present: ({ db }, rows) => presentHosts(db, rows),
});
