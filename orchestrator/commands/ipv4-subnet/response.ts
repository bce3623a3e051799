import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { rowsById } from '../lookup.ts';
import { ownerFields } from '../owner-fields.ts';
import { field } from '../response-field.ts';

export const zoneSubnetFields: ResponseFields = {
  id: field.string('The id of the subnet'),
  subnet: field.string('The subnet'),
  zoneid: field.string('Its zone'),
  zonename: field.string("The zone's name"),
  account: field.string('The account that it is kept for'),
  domainid: field.string('The domain that it is kept for'),
  domain: field.string("The domain's name"),
  created: field.date('When it was created'),
};

/** Subnets of zones as the API shows them. */
export async function presentZoneSubnets(
  db: Db,
  rows: readonly EntityRow<'zone_ipv4_subnet'>[],
): Promise<ResponseObject[]> {
  const owner = await ownerFields(db, rows);
  const zones = await rowsById(
    db,
    'zone',
    rows.map((row) => row.zone_id),
  );
  return rows.map((row) => {
    const { account, domainid, domain } = owner(row);
    return {
      id: row.id,
      subnet: row.subnet,
      zoneid: row.zone_id,
      zonename: zones.get(row.zone_id)?.name,
      account,
      domainid,
      domain,
      created: row.created,
    };
  });
}

/** One subnet of a zone by id as the API shows it; empty where it is gone. */
export async function presentZoneSubnet(db: Db, id: string): Promise<ResponseObject> {
  const rows = await db.selectFrom('zone_ipv4_subnet').selectAll().where('id', '=', id).execute();
  return (await presentZoneSubnets(db, rows))[0] ?? {};
}

export const guestSubnetFields: ResponseFields = {
  id: field.string('The id of the subnet'),
  parentid: field.string("The zone's subnet that it is of"),
  parentsubnet: field.string("The zone's subnet that it is of"),
  subnet: field.string('The subnet'),
  state: field.string('Free or Allocated'),
  zoneid: field.string('Its zone'),
  zonename: field.string("The zone's name"),
  networkid: field.string('The network that has it'),
  networkname: field.string("The network's name"),
  created: field.date('When it was created'),
  allocated: field.date('When its network got it'),
};

/** Subnets of routed networks as the API shows them. */
export async function presentGuestSubnets(
  db: Db,
  rows: readonly EntityRow<'guest_ipv4_subnet'>[],
): Promise<ResponseObject[]> {
  const parents = await rowsById(
    db,
    'zone_ipv4_subnet',
    rows.map((row) => row.parent_id),
  );
  const zones = await rowsById(
    db,
    'zone',
    [...parents.values()].map((parent) => parent.zone_id),
  );
  const networks = await rowsById(
    db,
    'network',
    rows.map((row) => row.network_id),
  );
  return rows.map((row) => {
    const parent = parents.get(row.parent_id);
    return {
      id: row.id,
      parentid: row.parent_id,
      parentsubnet: parent?.subnet,
      subnet: row.subnet,
      state: row.network_id === null ? 'Free' : 'Allocated',
      zoneid: parent?.zone_id,
      zonename: parent && zones.get(parent.zone_id)?.name,
      networkid: row.network_id ?? undefined,
      networkname: row.network_id === null ? undefined : networks.get(row.network_id)?.name,
      created: row.created,
      allocated: row.allocated ?? undefined,
    };
  });
}
