// What is cut out of zones' subnets ahead of the networks that get it: create, delete, list.
import { type Ipv4Cidr, prefixLengthOf } from '@isthmus/net';
import { sql } from 'kysely';
import { cidrWithin, freeSubnet } from '../../model/ipv4-subnet.ts';
import { subnetsOf } from '../../store/ipv4-subnet.ts';
import { asyncCommand, type Command, listCommand } from '../declaration.ts';
import { ApiError, parameterError } from '../errors.ts';
import { absentFilter, nothingWhere } from '../filters.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { lockZoneSubnet } from './check.ts';
import { guestSubnetFields, presentGuestSubnets } from './response.ts';

const createIpv4SubnetForGuestNetwork = asyncCommand({
  name: 'createIpv4SubnetForGuestNetwork',
  description: "Cuts a subnet out of a zone's, for a routed network to come",
  roles: ['Admin'],
  parameters: {
    parentid: p.entity('zone_ipv4_subnet').required("The zone's subnet"),
    subnet: p.ipv4Cidr.optional('The subnet; or give cidrsize'),
    cidrsize: p.integer(9, 30).optional('The length of its prefix; the lowest free one is taken'),
  },
  responseKey: 'ipv4subnetforguestnetwork',
  responseFields: guestSubnetFields,
  eventType: 'IP4.GUEST.SUBNET.CREATE',
  instanceType: 'Ipv4Subnet',
  creates: true,
  prepare: async ({ db }, { parentid, subnet, cidrsize }) => {
    const parent = await lockZoneSubnet(db, parentid.id, 'parentid');
    if ((subnet === undefined) === (cidrsize === undefined)) {
      throw parameterError('subnet', subnet ?? '', 'either subnet or cidrsize');
    }
    const taken = (await subnetsOf(db, parent.id)).map((row) => row.subnet);
    const cut =
      subnet === undefined ? freeSubnet(parent.subnet, cidrsize ?? 32, taken) : checked(parent.subnet, subnet, taken);
    if (cut === undefined) {
      throw new ApiError('insufficientCapacity', `No /${cidrsize} (cidrsize) is free in ${parent.subnet}`);
    }
    const { id } = await db
      .insertInto('guest_ipv4_subnet')
      .values({ parent_id: parent.id, subnet: cut, network_id: null, is_explicit: true, allocated: null })
      .returning('id')
      .executeTakeFirstOrThrow();
    return { id };
  },
  execute: async ({ db }, id) => {
    const rows = await db.selectFrom('guest_ipv4_subnet').selectAll().where('id', '=', id).execute();
    return (await presentGuestSubnets(db, rows))[0] ?? {};
  },
});

function checked(parent: Ipv4Cidr, subnet: Ipv4Cidr, taken: readonly Ipv4Cidr[]): Ipv4Cidr {
  if (!cidrWithin(subnet, parent) || prefixLengthOf(subnet) > 30) {
    throw parameterError('subnet', subnet, `a network of at most 30 bits within ${parent}`);
  }
  const clash = taken.find((each) => cidrWithin(each, subnet) || cidrWithin(subnet, each));
  if (clash !== undefined) throw parameterError('subnet', subnet, `a network apart from ${clash}`);
  return subnet;
}

const deleteIpv4SubnetForGuestNetwork = asyncCommand({
  name: 'deleteIpv4SubnetForGuestNetwork',
  description: "Gives a subnet back to its zone's: one that no network has",
  roles: ['Admin'],
  parameters: { id: p.entity('guest_ipv4_subnet').required('The subnet') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'IP4.GUEST.SUBNET.DELETE',
  instanceType: 'Ipv4Subnet',
  creates: false,
  prepare: async ({ db }, { id }) => {
    await lockZoneSubnet(db, id.parent_id);
    const row = await db.selectFrom('guest_ipv4_subnet').selectAll().where('id', '=', id.id).executeTakeFirst();
    if (row !== undefined && row.network_id !== null) {
      throw new ApiError(
        'inUse',
        `The IPv4 subnet ${row.subnet} of parameter id is in use by network ${row.network_id}`,
      );
    }
    await db.deleteFrom('guest_ipv4_subnet').where('id', '=', id.id).execute();
    return { id: id.id };
  },
  execute: async () => ({ success: true }),
});

const listIpv4SubnetsForGuestNetwork = listCommand({
  name: 'listIpv4SubnetsForGuestNetwork',
  description: "Lists what was cut out of zones' IPv4 subnets",
  roles: ['Admin'],
  entity: 'guest_ipv4_subnet',
  keywordColumns: ['subnet'],
  order: ['created'],
  parameters: {
    parentid: p.entity('zone_ipv4_subnet').optional("List by the zone's subnet"),
    subnet: p.text.optional('The one that is this network'),
    zoneid: p.entity('zone').optional('List by zone'),
    networkid: p.entity('network').optional('List by network'),
    vpcid: absentFilter('VPC'),
  },
  responseKey: 'ipv4subnetforguestnetwork',
  responseFields: guestSubnetFields,
  filter: (query, { parentid, subnet, zoneid, networkid, vpcid }) => {
    let q = query;
    if (parentid !== undefined) q = q.where('guest_ipv4_subnet.parent_id', '=', parentid.id);
    if (subnet !== undefined) q = q.where(sql<boolean>`guest_ipv4_subnet.subnet = ${subnet}`);
    if (networkid !== undefined) q = q.where('guest_ipv4_subnet.network_id', '=', networkid.id);
    if (zoneid !== undefined) {
      q = q.where(
        sql<boolean>`guest_ipv4_subnet.parent_id in (select id from zone_ipv4_subnet where zone_id = ${zoneid.id}::uuid)`,
      );
    }
    return nothingWhere(q, vpcid !== undefined);
  },
  present: ({ db }, rows) => presentGuestSubnets(db, rows),
});

export const guestSubnetCommands: readonly Command[] = [
  createIpv4SubnetForGuestNetwork,
  deleteIpv4SubnetForGuestNetwork,
  listIpv4SubnetsForGuestNetwork,
];
