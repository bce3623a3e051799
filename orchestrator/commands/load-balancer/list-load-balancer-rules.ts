import { sql } from 'kysely';
import { listCommand } from '../declaration.ts';
import { nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { loadBalancerResponseFields, presentLoadBalancers } from './response.ts';

export const listLoadBalancerRules = listCommand({
  name: 'listLoadBalancerRules',
  description: 'Lists load balancer rules',
  roles: ['Admin', 'DomainAdmin', 'User'],
  entity: 'load_balancer_rule',
  keywordColumns: ['name', 'algorithm'],
  order: ['created'],
  parameters: {
    name: p.name.optional('List the rules of exactly this name'),
    publicipid: p.entity('public_ip_address').optional('List by public IP address'),
    virtualmachineid: p.entity('virtual_machine').optional('List the rules that this instance is behind'),
    networkid: p.entity('network').optional('List by network'),
    zoneid: p.entity('zone').optional('List by zone'),
    fordisplay: p.boolean.optional('False: rules that are not shown; there are none'),
    statistics: p.boolean.optional("Isthmus's own: true to ask the routers for what they count"),
  },
  responseKey: 'loadbalancerrule',
  responseFields: loadBalancerResponseFields,
  filter: (query, parameters) => {
    const { name, publicipid, virtualmachineid, networkid, zoneid, fordisplay } = parameters;
    let q = query;
    if (name !== undefined) q = q.where('load_balancer_rule.name', '=', name);
    if (publicipid !== undefined) q = q.where('load_balancer_rule.public_ip_address_id', '=', publicipid.id);
    if (networkid !== undefined) q = q.where('load_balancer_rule.network_id', '=', networkid.id);
    if (zoneid !== undefined) {
      q = q.where(sql<boolean>`load_balancer_rule.network_id in (select id from network where zone_id = ${zoneid.id})`);
    }
    if (virtualmachineid !== undefined) {
      q = q.where(
        sql<boolean>`load_balancer_rule.id in (select load_balancer_rule_id from load_balancer_member
          where virtual_machine_id = ${virtualmachineid.id} and state <> 'Revoke')`,
      );
    }
    return nothingWhere(q, fordisplay === false);
  },
  present: async (context, rows, { statistics }) => {
    if (statistics !== true) return presentLoadBalancers(context, rows);
    const networks = new Set(rows.map((row) => row.network_id));
    const counted = await Promise.all([...networks].map((id) => context.orchestration.loadBalancerStatistics(id)));
    return presentLoadBalancers(
      context,
      rows,
      counted.filter((each) => each !== null),
    );
  },
});
