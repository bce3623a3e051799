import { listCommand } from '../declaration.ts';
import { p } from '../parameter.ts';
import { clusterFields, presentClusters } from './response.ts';

/** listClusters. */
export const listClusters = listCommand({
  name: 'listClusters',
  description: 'Lists clusters',
  roles: ['Admin'],
  entity: 'cluster',
  keywordColumns: ['name'],
  order: ['created'],
  parameters: {
    zoneid: p.entity('zone').optional('Those of this zone'),
    podid: p.entity('pod').optional('Those of this pod'),
    name: p.text.optional('Those of this name'),
    hypervisor: p.text.optional('Those of this hypervisor'),
    clustertype: p.text.optional('Those of this type'),
    allocationstate: p.text.optional('Those in this allocation state'),
  },
  responseKey: 'cluster',
  responseFields: clusterFields,
  filter: (query, { zoneid, podid, name, hypervisor, clustertype, allocationstate }) => {
    let narrowed = query;
    if (zoneid !== undefined) narrowed = narrowed.where('cluster.zone_id', '=', zoneid.id);
    if (podid !== undefined) narrowed = narrowed.where('cluster.pod_id', '=', podid.id);
    if (name !== undefined) narrowed = narrowed.where('cluster.name', '=', name);
    if (hypervisor !== undefined) narrowed = narrowed.where('cluster.hypervisor', '=', hypervisor);
    if (clustertype !== undefined)
      narrowed = narrowed.where('cluster.cluster_type', '=', clustertype as 'CloudManaged');
    return allocationstate === undefined
      ? narrowed
      : narrowed.where('cluster.allocation_state', '=', allocationstate as 'Enabled');
  },
  present: ({ db }, rows) => presentClusters(db, rows),
});
