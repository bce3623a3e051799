import { sql } from 'kysely';
import { newestRouterImage } from '../../store/router-image.ts';
import { syncCommand } from '../declaration.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { field } from '../response-field.ts';

/**
 * upgradeRouterTemplate: router VMs whose image is older than the newest are replaced by new ones, one after the other on
 * each host, as restartNetwork does it. The answer names a job for each.
 */
export const upgradeRouterTemplate = syncCommand({
  name: 'upgradeRouterTemplate',
  description: 'Replaces routers whose image is older than the newest one, without a loss',
  roles: ['Admin'],
  parameters: {
    id: p.entity('router').optional('One router'),
    zoneid: p.entity('zone').optional('The routers of a zone'),
    podid: p.entity('pod').optional('The routers of a pod'),
    clusterid: p.entity('cluster').optional('The routers of a cluster'),
    domainid: p.entity('domain').optional('The routers of a domain and those below it'),
    account: p.text.optional('The routers of the account of this name in the domain'),
  },
  responseKey: null,
  responseFields: {
    asyncjobs: field.set('A job for each router', { jobid: field.string('The id of the job') }),
  },
  handler: async (_context, { id, zoneid, podid, clusterid, domainid, account }) => {
    if (account !== undefined && domainid === undefined) {
      throw parameterError('account', account, 'parameter domainid beside it');
    }
    if ([id, zoneid, podid, clusterid, domainid].every((each) => each === undefined)) {
      throw parameterError('id', '', 'one of id, zoneid, podid, clusterid and domainid');
    }
    return {};
  },
  calls: async ({ db }, { id, zoneid, podid, clusterid, domainid, account }) => {
    const newest = await newestRouterImage(db);
    if (newest === null) return [];
    let query = db
      .selectFrom('router')
      .select('network_id')
      .where('state', '=', 'Running')
      .where('replaces', 'is', null)
      .where('image_id', 'is not', null)
      .where('image_id', '<>', newest.id);
    if (id !== undefined) query = query.where('id', '=', id.id);
    if (zoneid !== undefined) query = query.where('zone_id', '=', zoneid.id);
    if (podid !== undefined) query = query.where('pod_id', '=', podid.id);
    if (clusterid !== undefined) {
      query = query.where(
        sql<boolean>`exists (select 1 from host where id = router.host_id and cluster_id = ${clusterid.id})`,
      );
    }
    if (domainid !== undefined) {
      query = query.where(
        sql<boolean>`router.domain_id in (select id from domain where starts_with(path, ${domainid.path}))`,
      );
    }
    if (account !== undefined && domainid !== undefined) {
      query = query.where(
        sql<boolean>`exists (select 1 from account where id = router.account_id and name = ${account}
          and domain_id = ${domainid.id})`,
      );
    }
    const routers = await query.orderBy('created').orderBy('id').execute();
    return routers.map(({ network_id: networkId }) => ({
      command: 'restartNetwork',
      values: new Map([
        ['id', networkId],
        ['cleanup', 'true'],
      ]),
    }));
  },
});
