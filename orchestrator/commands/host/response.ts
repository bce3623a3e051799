import type { Selectable } from 'kysely';
import type { Db, Trx } from '../../store/database.ts';
import type { HostTable, OutOfBandManagementTable } from '../../store/schema.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import { rowsById } from '../lookup.ts';
import { presentOutOfBand } from '../out-of-band-management/response.ts';
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
  state: field.string('Connecting, Up, Disconnected, Alert (lost and not fenced) or Down (fenced: its power is off)'),
  resourcestate: field.string('Enabled, Disabled, Maintenance or Degraded (an admin said that its power is off)'),
  hypervisor: field.string('Hypervisor of its cluster'),
  ipaddress: field.string('Where its host agent listens; 127.0.0.1 on this machine'),
  cpunumber: field.integer('Its processors'),
  memorytotal: field.long('Its memory in bytes'),
  memoryused: field.long('Of that, what is not available, in bytes'),
  version: field.string('Version of its host agent'),
  lastpinged: field.date('When its host agent answered last'),
  disconnected: field.date('Since when it does not answer'),
  created: field.date('When it was added'),
  outofbandmanagement: field.map('Its out-of-band management, where that is configured'),
  jointoken: field.string('addHost alone, once: the token with which the host agent at an https: url joins'),
  details: field.map(
    'driver: how it carries VMs; url; accelerator: kvm or tcg; memoryfree in bytes; tunneladdress; reason; fenced: when ' +
      'its power-off was confirmed; joinexpires; jointoken',
  ),
};

/** Hosts as the API shows them. */
export async function presentHosts(db: Db | Trx, rows: readonly Selectable<HostTable>[]): Promise<ResponseObject[]> {
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
  const outOfBand = await outOfBandByHost(
    db,
    rows.map((row) => row.id),
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
    ipaddress: addressOf(row.url),
    ...sizeOf(row),
    version: row.version === '' ? undefined : row.version,
    lastpinged: row.last_pinged ?? undefined,
    disconnected: row.disconnected_since ?? undefined,
    created: row.created,
    outofbandmanagement: outOfBand.get(row.id),
    details: detailsOf(row),
  }));
}

function addressOf(url: string): string {
  return url.startsWith('https://') ? new URL(url).hostname.replace(/^\[(.*)\]$/, '$1') : '127.0.0.1';
}

/** A host that has not joined has said nothing of its size. */
function sizeOf(row: Selectable<HostTable>): ResponseObject {
  if (row.driver === null) return {};
  const total = Number(row.memory);
  const used = row.memory_free === null ? undefined : total - Number(row.memory_free);
  return { cpunumber: row.cpus, memorytotal: total, memoryused: used };
}

function detailsOf(row: Selectable<HostTable>): Record<string, string> {
  const details = {
    driver: row.driver,
    url: row.url,
    accelerator: row.accelerator,
    memoryfree: row.memory_free,
    tunneladdress: row.tunnel_address,
    reason: row.reason,
    fenced: row.fenced?.toISOString() ?? null,
    joinexpires: row.join_expires?.toISOString() ?? null,
  };
  const known = Object.entries(details).flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
  return Object.fromEntries(known);
}

async function outOfBandByHost(db: Db | Trx, ids: readonly string[]): Promise<ReadonlyMap<string, ResponseObject>> {
  if (ids.length === 0) return new Map();
  const rows: Selectable<OutOfBandManagementTable>[] = await db
    .selectFrom('out_of_band_management')
    .selectAll()
    .where('host_id', 'in', [...ids])
    .execute();
  return new Map(rows.map((row) => [row.host_id, presentOutOfBand(row)]));
}

/** One host by id as the API shows it; empty where it is gone. */
export async function presentHost(db: Db | Trx, id: string): Promise<ResponseObject> {
  const rows = await db.selectFrom('host').selectAll().where('id', '=', id).execute();
  return (await presentHosts(db, rows))[0] ?? {};
}
