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
    healthchecksfailed: p.boolean.optional('True: those that fail a health check; false: the others'),
    fetchhealthcheckresults: p.boolean.optional('True: with the results of their checks'),
    arch: p.oneOf('x86_64', 'aarch64').optional('List by the architecture of their image'),
  },
  responseKey: 'router',
  responseFields: routerResponseFields,
  filter: (query, parameters) => {
    const { name, state, zoneid, podid, clusterid, hostid, networkid, version, healthchecksfailed, arch } = parameters;
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
    if (healthchecksfailed !== undefined) {
      const fails = sql<boolean>`exists (select 1 from router_health where router_id = router.id and status = 'FAILURE')`;
      q = q.where(healthchecksfailed ? fails : sql<boolean>`not ${fails}`);
    }
    if (arch !== undefined) {
      const architecture = arch === 'x86_64' ? 'amd64' : 'arm64';
      q = q.where(
        sql<boolean>`exists (select 1 from image where id = router.image_id and architecture = ${architecture})`,
      );
    }
    return nothingWhere(q, parameters.forvpc === true || parameters.vpcid !== undefined);
  },
  present: (context, rows, { fetchhealthcheckresults }) =>
    presentRouters(context, rows, { withHealthChecks: fetchhealthcheckresults === true }),
});
