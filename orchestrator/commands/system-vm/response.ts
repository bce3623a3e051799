import { isConsoleProxyHeard } from '../../store/console-proxy.ts';
import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { hostControlState } from '../host/control-state.ts';
import { rowsById } from '../lookup.ts';
import { field } from '../response-field.ts';

export const systemVmResponseFields: ResponseFields = {
  id: field.string('The id of the system VM'),
  name: field.string('The name of the system VM'),
  systemvmtype: field.string('consoleproxy'),
  state: field.string('Starting, Running, Stopping, Stopped, Destroyed or Error'),
  agentstate: field.string('Up, Alert where it says that it is not well, Disconnected where it says nothing'),
  activeviewersessions: field.integer('How many consoles are open through it'),
  disconnected: field.date('When it said something for the last time, where it is Disconnected'),
  zoneid: field.string('The id of the zone'),
  zonename: field.string('The name of the zone'),
  podid: field.string('The id of the pod'),
  podname: field.string('The name of the pod'),
  hostid: field.string('The id of the host'),
  hostname: field.string('The name of the host'),
  hypervisor: field.string("The hypervisor of the host's cluster"),
  hostcontrolstate: field.string('Enabled where its host takes machines, else Disabled or Offline'),
  dns1: field.string('The first DNS server'),
  dns2: field.string('The second DNS server'),
  networkdomain: field.string('The DNS domain of its zone'),
  gateway: field.string('The gateway of its public side'),
  publicip: field.string('Its public IP address'),
  publicmacaddress: field.string('The MAC address of its public NIC'),
  publicnetmask: field.string('The netmask of its public side'),
  publicvlan: field.string('The VLAN of its public side'),
  guestvlan: field.string('Absent: it is on no guest network'),
  privateip: field.string('Its control address on its host'),
  privatemacaddress: field.string('Absent: its host gives it'),
  privatenetmask: field.string('Absent: its host gives it'),
  linklocalip: field.string('Its control address on its host'),
  linklocalmacaddress: field.string('Absent: its host gives it'),
  linklocalnetmask: field.string('Absent: its host gives it'),
  templateid: field.string('The id of the image that it was made from; absent where it is no VM'),
  templatename: field.string('The role of that image'),
  arch: field.string('The architecture of that image: x86_64 or aarch64'),
  version: field.string('The release of its software'),
  serviceofferingid: field.string('The id of its service offering'),
  serviceofferingname: field.string('The name of its service offering'),
  isdynamicallyscalable: field.boolean('False: it is restarted to be scaled'),
  created: field.date('When it was made'),
  details: field.map(
    'driver: how its host carries it; reason: why it is in its state; draining: since when it takes no sessions',
  ),
  hasannotations: field.boolean('True: it has annotations'),
};

type Row = EntityRow<'system_vm'>;

/** System VMs as the API shows them to root admins. */
export async function presentSystemVms({ db }: { readonly db: Db }, rows: readonly Row[]): Promise<ResponseObject[]> {
  const ids = (column: 'zone_id' | 'pod_id' | 'host_id' | 'service_offering_id') => rows.map((row) => row[column]);
  const zones = await rowsById(db, 'zone', ids('zone_id'));
  const pods = await rowsById(db, 'pod', ids('pod_id'));
  const hosts = await rowsById(db, 'host', ids('host_id'));
  const clusterIds = [...hosts.values()].map((host) => host.cluster_id);
  const clusters = await rowsById(db, 'cluster', clusterIds);
  const offerings = await rowsById(db, 'service_offering', ids('service_offering_id'));
  const [uplinks, sessions, images] = [await uplinksOf(db, rows), await sessionsOf(db, rows), await imagesOf(db, rows)];
  return rows.map((row) => {
    const host = row.host_id === null ? undefined : hosts.get(row.host_id);
    const zone = zones.get(row.zone_id);
    const uplink = uplinks.get(row.id);
    const image = row.image_id === null ? undefined : images.get(row.image_id);
    return {
      id: row.id,
      name: row.name,
      systemvmtype: row.type,
      state: row.state,
      ...agentFields(row),
      activeviewersessions: sessions.get(row.id) ?? 0,
      zoneid: row.zone_id,
      zonename: zone?.name,
      podid: row.pod_id,
      podname: pods.get(row.pod_id)?.name,
      hostid: host?.id,
      hostname: host?.name,
      hypervisor: host && clusters.get(host.cluster_id)?.hypervisor,
      hostcontrolstate: host && hostControlState(host),
      dns1: zone?.dns1,
      dns2: zone?.dns2 ?? undefined,
      networkdomain: zone?.network_domain ?? undefined,
      gateway: uplink?.gateway,
      publicip: uplink?.address,
      publicmacaddress: row.public_mac_address,
      publicnetmask: uplink?.netmask,
      publicvlan: uplink?.vlan,
      privateip: row.link_local_address ?? undefined,
      linklocalip: row.link_local_address ?? undefined,
      templateid: image?.id,
      templatename: image?.role,
      arch: image && (image.architecture === 'amd64' ? 'x86_64' : 'aarch64'),
      version: row.software_version ?? row.version ?? host?.version,
      serviceofferingid: row.service_offering_id,
      serviceofferingname: offerings.get(row.service_offering_id)?.name,
      isdynamicallyscalable: false,
      created: row.created,
      details: detailsOf(row, host),
      hasannotations: false,
    };
  });
}

function agentFields(row: Row): ResponseObject {
  if (row.state !== 'Running') return {};
  if (!isConsoleProxyHeard(row)) return { agentstate: 'Disconnected', disconnected: row.reported ?? undefined };
  return { agentstate: row.healthy ? 'Up' : 'Alert' };
}

function detailsOf({ reason, draining }: Row, host: EntityRow<'host'> | undefined): ResponseObject | undefined {
  const all = Object.entries({ driver: host?.driver, reason, draining: draining?.toISOString() });
  const told = all.filter(([, value]) => value);
  return told.length === 0 ? undefined : Object.fromEntries(told);
}

async function uplinksOf(db: Db, rows: readonly Row[]) {
  const addressIds = rows.flatMap(({ public_ip_address_id: id }) => id ?? []);
  if (addressIds.length === 0) return new Map<string, never>();
  const found = await db
    .selectFrom('system_vm')
    .innerJoin('public_ip_address', 'public_ip_address.id', 'system_vm.public_ip_address_id')
    .innerJoin('vlan_ip_range', 'vlan_ip_range.id', 'public_ip_address.vlan_ip_range_id')
    .select(['system_vm.id', 'address', 'gateway', 'netmask', 'vlan'])
    .where('public_ip_address.id', 'in', addressIds)
    .execute();
  return new Map(found.map((uplink) => [uplink.id, uplink]));
}

async function sessionsOf(db: Db, rows: readonly Row[]): Promise<ReadonlyMap<string | null, number>> {
  if (rows.length === 0) return new Map();
  const found = await db
    .selectFrom('console_session')
    .select(['system_vm_id', ({ fn }) => fn.countAll<string>().as('count')])
    .where(
      'system_vm_id',
      'in',
      rows.map(({ id }) => id),
    )
    .where('state', '=', 'Open')
    .groupBy('system_vm_id')
    .execute();
  return new Map(found.map(({ system_vm_id: id, count }) => [id, Number(count)]));
}

async function imagesOf(db: Db, rows: readonly Row[]) {
  const wanted = rows.flatMap(({ image_id: id }) => id ?? []);
  if (wanted.length === 0) return new Map<string, never>();
  const found = await db.selectFrom('image').select(['id', 'role', 'architecture']).where('id', 'in', wanted).execute();
  return new Map(found.map((image) => [image.id, image]));
}

/** One system VM by id as the API shows it; empty where it is gone. */
export async function presentSystemVm(context: { readonly db: Db }, id: string): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('system_vm').selectAll().where('id', '=', id).execute();
  return (await presentSystemVms(context, rows))[0] ?? {};
}
