import type { Selectable } from 'kysely';
import type { Trx } from '../../store/database.ts';
import type { HostTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

/** Fields of a host. */
export const hostFields: ResponseFields = {
  id: field.string('The id of the host'),
  name: field.string('Its name'),
  zoneid: field.string('Its zone'),
  zonename: field.string("The zone's name"),
  podid: field.string('Its pod'),
  podname: field.string("The pod's name"),
  clusterid: field.string('Its cluster'),
  clustername: field.string("The cluster's name"),
  clustertype: field.string("The cluster's type"),
  type: field.string('Routing: it carries instances and routers'),
  state: field.string('Up, Down, Disconnected or Alert'),
  resourcestate: field.string('Enabled or Disabled'),
  hypervisor: field.string('Hypervisor of its cluster'),
  cpunumber: field.integer('Its processors'),
  memorytotal: field.long('Its memory in bytes'),
  version: field.string('Version of its host agent'),
  lastpinged: field.date('When its host agent answered last'),
  created: field.date('When it was added'),
  details: field.map('driver: how it carries VMs; url: where its host agent listens'),
};

/** Hosts as the API shows them. */
export async function presentHosts(db: Trx, rows: readonly Selectable<HostTable>[]): Promise<ResponseObject[]> {
  const zones = await rowsById(
    db,
    'zone',
    rows.map((row) => row.zone_id),
  );
  const pods = await rowsById(
    db,
    'pod',
    rows.map((row) => row.pod_id),
  );
  const clusters = await rowsById(
    db,
    'cluster',
    rows.map((row) => row.cluster_id),
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    zoneid: row.zone_id,
    zonename: zones.get(row.zone_id)?.name,
    podid: row.pod_id,
    podname: pods.get(row.pod_id)?.name,
    clusterid: row.cluster_id,
    clustername: clusters.get(row.cluster_id)?.name,
    clustertype: clusters.get(row.cluster_id)?.cluster_type,
    type: 'Routing',
    state: row.state,
    resourcestate: row.resource_state,
    hypervisor: clusters.get(row.cluster_id)?.hypervisor,
    cpunumber: row.cpus,
    memorytotal: Number(row.memory),
    version: row.version,
    lastpinged: row.last_pinged ?? undefined,
    created: row.created,
    details: { driver: row.driver, url: row.url },
  }));
}
