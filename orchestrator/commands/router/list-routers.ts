import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import { absentFilter, nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { presentRouters, routerResponseFields } from './response.ts';

export const listRouters = listCommand({
  name: 'listRouters',
  description: 'Lists routers',
  roles: ['Admin', 'DomainAdmin'],
  entity: 'router',
  keywordColumns: ['name', 'state'],
  order: ['created'],
  parameters: {
    name: p.text.optional('List by name, exactly'),
    state: p.text.optional('List by state'),
    zoneid: p.entity('zone').optional('List by zone'),
    podid: p.entity('pod').optional('List by pod', { roles: ['Admin'] }),
    clusterid: p.entity('cluster').optional('List by cluster', { roles: ['Admin'] }),
    hostid: p.entity('host').optional('List by host', { roles: ['Admin'] }),
    networkid: p.entity('network').optional('List by network'),
    version: p.text.optional('List by the release that they run'),
    forvpc: p.boolean.optional('True: routers of VPCs; there are none'),
    vpcid: absentFilter('VPC'),
    healthchecksfailed: p.boolean.optional('True: those that failed a check; none is recorded yet'),
    fetchhealthcheckresults: p.boolean.optional('Accepted for the clients that send it'),
  },
  responseKey: 'router',
  responseFields: routerResponseFields,
  filter: (query, parameters) => {
    const { name, state, zoneid, podid, clusterid, hostid, networkid, version } = parameters;
    let q = query;
    if (name !== undefined) q = q.where('router.name', '=', name);
    if (state !== undefined) q = q.where(sql<boolean>`lower(router.state) = ${state.toLowerCase()}`);
    if (zoneid !== undefined) q = q.where('router.zone_id', '=', zoneid.id);
    if (podid !== undefined) q = q.where('router.pod_id', '=', podid.id);
    if (hostid !== undefined) q = q.where('router.host_id', '=', hostid.id);
    if (networkid !== undefined) q = q.where('router.network_id', '=', networkid.id);
    if (version !== undefined) q = q.where('router.version', '=', version);
    if (clusterid !== undefined) {
      q = q.where(sql<boolean>`exists (select 1 from host where id = router.host_id and cluster_id = ${clusterid.id})`);
    }
    const impossible =
      parameters.forvpc === true || parameters.vpcid !== undefined || parameters.healthchecksfailed === true;
    return nothingWhere(q, impossible);
  },
  present: presentRouters,
});
