import type { OperationAnswer } from '@isthmus/contract';
import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';
import type { LoadBalancer } from './rule-rows.ts';

/** What a router counts of its rules. */
export type Statistics = OperationAnswer<'load-balancer-statistics'>;

// Ports are strings, as the field has them.
export const loadBalancerResponseFields: ResponseFields = {
  id: field.string('The id of the load balancer rule'),
  name: field.string('Its name'),
  description: field.string('Its description'),
  publicipid: field.string('The id of the public IP address'),
  publicip: field.string('The public IP address'),
  publicport: field.string('The public port'),
  privateport: field.string("The instances' port"),
  algorithm: field.string('roundrobin, leastconn or source'),
  protocol: field.string('tcp, udp, tcp-proxy or ssl'),
  networkid: field.string('The id of the network'),
  cidrlist: field.string('The CIDRs that may connect, comma-separated; empty: anyone'),
  ...ownerResponseFields,
  state: field.string('Add, Active or Revoke'),
  zoneid: field.string('The id of the zone'),
  zonename: field.string('The name of the zone'),
  fordisplay: field.boolean('True: the rule is shown to its users'),
  clienttimeout: field.integer("Isthmus's own: milliseconds that a client may be silent, where set"),
  servertimeout: field.integer("Isthmus's own: milliseconds that an instance may be silent, where set"),
  connecttimeout: field.integer("Isthmus's own: milliseconds that a connection to an instance may take, where set"),
  maxconnections: field.integer("Isthmus's own: most connections at once, where set"),
  statistics: field.map(
    "Isthmus's own, with statistics=true and where the router answers: currentconnections, totalconnections, deniedconnections, bytesin, bytesout, instancesup, instancesdown",
  ),
  tags: field.list('The tags of the rule'),
};

/** Load balancer rules as the API shows them; with what their routers count where that is given. */
export async function presentLoadBalancers(
  { db }: { readonly db: Db },
  rows: readonly LoadBalancer[],
  statistics: readonly Statistics[] = [],
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  const addresses = await rowsById(
    db,
    'public_ip_address',
    rows.map((row) => row.public_ip_address_id),
  );
  const networks = await rowsById(
    db,
    'network',
    rows.map((row) => row.network_id),
  );
  const zones = await rowsById(
    db,
    'zone',
    [...networks.values()].map((network) => network.zone_id),
  );
  return rows.map((row) => {
    const zoneId = networks.get(row.network_id)?.zone_id;
    return {
      id: row.id,
      name: row.name,
      description: row.description ?? undefined,
      publicipid: row.public_ip_address_id,
      publicip: addresses.get(row.public_ip_address_id)?.address,
      publicport: String(row.public_port),
      privateport: String(row.private_port),
      algorithm: row.algorithm,
      protocol: row.protocol,
      networkid: row.network_id,
      cidrlist: row.cidr_list,
      ...owner(row),
      state: row.state,
      zoneid: zoneId,
      zonename: zoneId === undefined ? undefined : zones.get(zoneId)?.name,
      fordisplay: true,
      clienttimeout: row.client_timeout_ms ?? undefined,
      servertimeout: row.server_timeout_ms ?? undefined,
      connecttimeout: row.connect_timeout_ms ?? undefined,
      maxconnections: row.max_connections ?? undefined,
      statistics: statisticsOf(row.id, statistics),
      tags: [],
    };
  });
}

function statisticsOf(ruleId: string, all: readonly Statistics[]): ResponseObject | undefined {
  for (const { rules, members } of all) {
    const counted = rules.find(({ rule }) => rule === ruleId);
    if (counted === undefined) continue;
    const own = members.filter(({ rule }) => rule === ruleId);
    return {
      currentconnections: counted.currentConnections,
      totalconnections: counted.totalConnections,
      deniedconnections: counted.deniedConnections,
      bytesin: counted.bytesIn,
      bytesout: counted.bytesOut,
      instancesup: own.filter(({ state }) => state === 'up' || state === 'unchecked').length,
      instancesdown: own.filter(({ state }) => state === 'down').length,
    };
  }
  return undefined;
}

/** One load balancer rule by id as the API shows it; empty where it is gone. */
export async function presentLoadBalancer(context: { readonly db: Db }, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('load_balancer_rule').selectAll().where('id', '=', id).execute();
  return (await presentLoadBalancers(context, rows))[0] ?? {};
}
