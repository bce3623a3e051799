import { type SelectQueryBuilder, sql } from 'kysely';
import type { Database } from '../../store/schema.ts';
import { listCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { p } from '../parameter.ts';
import { hostFields, presentHosts } from './response.ts';

interface PowerFilters {
  readonly hypervisor?: string | undefined;
  readonly outofbandmanagementenabled?: boolean | undefined;
  readonly outofbandmanagementpowerstate?: string | undefined;
}
type HostQuery = SelectQueryBuilder<Database, 'host', EntityRow<'host'>>;

function narrowedByPower(query: HostQuery, filters: PowerFilters): HostQuery {
  const { hypervisor, outofbandmanagementenabled: enabled, outofbandmanagementpowerstate: power } = filters;
  let narrowed = query;
  if (hypervisor !== undefined) {
    narrowed = narrowed.where(
      sql<boolean>`exists (select 1 from cluster where id = host.cluster_id and lower(hypervisor) = ${hypervisor.toLowerCase()})`,
    );
  }
  if (enabled !== undefined) {
    narrowed = narrowed.where(
      sql<boolean>`exists (select 1 from out_of_band_management where host_id = host.id and is_enabled) = ${enabled}`,
    );
  }
  if (power !== undefined) {
    narrowed = narrowed.where(
      sql<boolean>`exists (select 1 from out_of_band_management where host_id = host.id and lower(power_state) = ${power.toLowerCase()})`,
    );
  }
  return narrowed;
}

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
    hypervisor: p.text.optional('Those of clusters with this hypervisor'),
    outofbandmanagementenabled: p.boolean.optional('Those whose out-of-band management is enabled, or is not'),
    outofbandmanagementpowerstate: p.text.optional('Those whose controller said so last: On, Off or Unknown'),
  },
  responseKey: 'host',
  responseFields: hostFields,
  filter: (query, { zoneid, podid, clusterid, name, state, resourcestate, type, ...others }) => {
    let narrowed = narrowedByPower(query, others);
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
