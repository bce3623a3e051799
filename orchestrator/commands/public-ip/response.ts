import type { Db } from '../../store/database.ts';
import type { Caller, ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields, ownerResponseFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

export const publicIpResponseFields: ResponseFields = {
  id: field.string('The id of the public IP address'),
  ipaddress: field.string('The public IP address'),
  allocated: field.date('When the address was acquired'),
  zoneid: field.string('The id of the zone'),
  zonename: field.string('The name of the zone'),
  issourcenat: field.boolean('True: the source NAT address of its network'),
  ...ownerResponseFields,
  forvirtualnetwork: field.boolean('True: for guest networks'),
  vlanid: field.string('The id of its VLAN IP range, for root admins'),
  vlanname: field.string('The VLAN of its range, for root admins'),
  isstaticnat: field.boolean('True: static NAT is enabled'),
  issystem: field.boolean('True: of a system VM'),
  virtualmachineid: field.string('The instance of the static NAT'),
  virtualmachinename: field.string('The name of the instance of the static NAT'),
  virtualmachinedisplayname: field.string('The display name of the instance of the static NAT'),
  virtualmachinetype: field.string('The type of the instance of the static NAT'),
  vmipaddress: field.string("The guest's address of the static NAT"),
  associatednetworkid: field.string('The id of the network that it belongs to'),
  associatednetworkname: field.string('The name of the network that it belongs to'),
  networkid: field.string('The id of the physical network that it is on'),
  physicalnetworkid: field.string('The id of the physical network that it is on'),
  state: field.string('Free, Allocating, Allocated or Releasing'),
  purpose: field.string('StaticNat where static NAT is enabled'),
  hasrules: field.boolean('True: firewall, port forwarding or load balancer rules use it'),
  isportable: field.boolean('True: it can move between zones'),
  fordisplay: field.boolean('True: it is shown to its users'),
  forsystemvms: field.boolean('True: it is for system VMs'),
  tags: field.list('The tags of the address'),
  hasannotations: field.boolean('True: the address has annotations'),
};

type Row = EntityRow<'public_ip_address'>;

/** Public addresses as the API shows them. */
export async function presentPublicIps(
  { db, caller }: { readonly db: Db; readonly caller: Caller },
  rows: readonly Row[],
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  const ids = (column: 'zone_id' | 'network_id' | 'vlan_ip_range_id') => rows.map((row) => row[column]);
  const zones = await rowsById(db, 'zone', ids('zone_id'));
  const networks = await rowsById(db, 'network', ids('network_id'));
  const ranges = await rowsById(db, 'vlan_ip_range', ids('vlan_ip_range_id'));
  const offerings = await rowsById(
    db,
    'network_offering',
    [...networks.values()].map((network) => network.network_offering_id),
  );
  const targets = await staticNatTargets(db, rows);
  const used = await addressesWithRules(db, rows);
  return rows.map((row) => {
    const range = ranges.get(row.vlan_ip_range_id);
    const network = row.network_id === null ? undefined : networks.get(row.network_id);
    const services = network && offerings.get(network.network_offering_id)?.services;
    const target = row.static_nat_nic_id === null ? undefined : targets.get(row.static_nat_nic_id);
    const isStaticNat = target !== undefined && row.static_nat_state !== 'Revoke';
    return {
      id: row.id,
      ipaddress: row.address,
      allocated: row.allocated ?? undefined,
      zoneid: row.zone_id,
      zonename: zones.get(row.zone_id)?.name,
      issourcenat: row.is_source_nat && services?.SourceNat !== undefined,
      ...owner(row),
      forvirtualnetwork: !isSystems(row),
      ...(caller.role === 'Admin' && range && { vlanid: range.id, vlanname: range.vlan }),
      isstaticnat: isStaticNat,
      issystem: isSystems(row),
      ...(isStaticNat && target),
      ...(isStaticNat && row.static_nat_private_address !== null && { vmipaddress: row.static_nat_private_address }),
      ...(isStaticNat && { purpose: 'StaticNat' }),
      associatednetworkid: row.network_id ?? undefined,
      associatednetworkname: network?.name,
      networkid: range?.physical_network_id,
      physicalnetworkid: range?.physical_network_id,
      state: row.state,
      hasrules: used.has(row.id),
      isportable: false,
      fordisplay: true,
      forsystemvms: isSystems(row),
      tags: [],
      hasannotations: false,
    };
  });
}

/** True for the address of a system VM, which is nobody's. */
function isSystems({ state, account_id: accountId }: Row): boolean {
  return state === 'Allocated' && accountId === null;
}

async function staticNatTargets(db: Db, rows: readonly Row[]): Promise<ReadonlyMap<string, ResponseObject>> {
  const nicIds = rows.flatMap((row) => row.static_nat_nic_id ?? []);
  if (nicIds.length === 0) return new Map();
  const found = await db
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .select([
      'nic.id',
      'nic.address',
      'virtual_machine.id as machineId',
      'virtual_machine.name',
      'virtual_machine.display_name',
    ])
    .where('nic.id', 'in', nicIds)
    .execute();
  return new Map(
    found.map((nic) => [
      nic.id,
      {
        virtualmachineid: nic.machineId,
        virtualmachinename: nic.name,
        virtualmachinedisplayname: nic.display_name,
        virtualmachinetype: 'User',
        vmipaddress: nic.address,
      },
    ]),
  );
}

async function addressesWithRules(db: Db, rows: readonly Row[]): Promise<ReadonlySet<string | null>> {
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return new Set();
  const found = await db
    .selectFrom('firewall_rule')
    .select('public_ip_address_id as id')
    .where('public_ip_address_id', 'in', ids)
    .union(
      db
        .selectFrom('port_forwarding_rule')
        .select('public_ip_address_id as id')
        .where('public_ip_address_id', 'in', ids),
    )
    .union(
      db.selectFrom('load_balancer_rule').select('public_ip_address_id as id').where('public_ip_address_id', 'in', ids),
    )
    .execute();
  return new Set(found.map(({ id }) => id));
}

/** One public address by id as the API shows it; empty where it is gone. */
export async function presentPublicIp(
  context: { readonly db: Db; readonly caller: Caller },
  id: string,
): Promise<ResponseObject> {
  const rows = await context.db.selectFrom('public_ip_address').selectAll().where('id', '=', id).execute();
  return (await presentPublicIps(context, rows))[0] ?? {};
}
