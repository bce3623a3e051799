import type { Selectable } from 'kysely';
import type { Trx } from '../../store/database.ts';
import type { ClusterTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

/** Fields of a cluster. */
export const clusterFields: ResponseFields = {
  id: field.string('The id of the cluster'),
  name: field.string('Its name'),
  zoneid: field.string('Its zone'),
  zonename: field.string("The zone's name"),
  podid: field.string('Its pod'),
  podname: field.string("The pod's name"),
  hypervisortype: field.string('Hypervisor of its hosts'),
  clustertype: field.string('CloudManaged or ExternalManaged'),
  allocationstate: field.string('Enabled or Disabled'),
  managedstate: field.string('Managed'),
};

/** Clusters as the API shows them. */
export async function presentClusters(db: Trx, rows: readonly Selectable<ClusterTable>[]): Promise<ResponseObject[]> {
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
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    zoneid: row.zone_id,
    zonename: zones.get(row.zone_id)?.name,
    podid: row.pod_id,
    podname: pods.get(row.pod_id)?.name,
    hypervisortype: row.hypervisor,
    clustertype: row.cluster_type,
    allocationstate: row.allocation_state,
    managedstate: 'Managed',
  }));
}
