import type { Selectable } from 'kysely';
import type { Trx } from '../../store/database.ts';
import type { PodTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

/** Fields of a pod. */
export const podFields: ResponseFields = {
  id: field.string('The id of the pod'),
  name: field.string('Its name'),
  zoneid: field.string('Its zone'),
  zonename: field.string("The zone's name"),
  gateway: field.string('Gateway of its management network'),
  netmask: field.string('Netmask of its management network'),
  startip: field.list('First addresses for system VMs'),
  endip: field.list('Last addresses for system VMs'),
  allocationstate: field.string('Enabled or Disabled'),
};

/** Pods as the API shows them. */
export async function presentPods(db: Trx, rows: readonly Selectable<PodTable>[]): Promise<ResponseObject[]> {
  const zones = await rowsById(
    db,
    'zone',
    rows.map((row) => row.zone_id),
  );
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    zoneid: row.zone_id,
    zonename: zones.get(row.zone_id)?.name,
    gateway: row.gateway,
    netmask: row.netmask,
    startip: [row.start_ip],
    endip: [row.end_ip],
    allocationstate: row.allocation_state,
  }));
}
