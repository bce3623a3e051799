// Subnets of zones, which routed networks are cut out of: create, update, delete, dedicate, release, list.
import { sql } from 'kysely';
import { asyncCommand, type Command, type CommandContext, listCommand } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { successFields } from '../response-field.ts';
import { unservedParameter } from '../unserved.ts';
import { checkCutOut, checkZoneSubnet, lockZoneSubnet } from './check.ts';
import { presentZoneSubnet, presentZoneSubnets, zoneSubnetFields } from './response.ts';

const owned = {
  account: p.text.optional('Keeps it for this account'),
  domainid: p.entity('domain').optional('The domain of the account; alone: keeps it for the domain'),
  projectid: unservedParameter('there are no projects', 'uuid'),
};

const shape = {
  roles: ['Admin'],
  responseKey: 'zoneipv4subnet',
  responseFields: zoneSubnetFields,
  instanceType: 'Ipv4Subnet',
} as const;

/** Whom a subnet is kept for. Throws 431 where the call says nobody. */
async function keeper(
  context: CommandContext,
  named: { account?: string | undefined; domainid?: EntityRow<'domain'> | undefined },
): Promise<{ account_id: string | null; domain_id: string | null }> {
  if (named.account === undefined) return { account_id: null, domain_id: named.domainid?.id ?? null };
  const { accountId, domainId } = await context.owner(named);
  return { account_id: accountId, domain_id: domainId };
}

const createIpv4SubnetForZone = asyncCommand({
  ...shape,
  name: 'createIpv4SubnetForZone',
  description: 'Gives a zone an IPv4 subnet that routed networks are cut out of',
  parameters: {
    zoneid: p.entity('zone').required('The zone'),
    subnet: p.ipv4Cidr.required('The subnet, such as 198.18.0.0/20'),
    ...owned,
  },
  eventType: 'ZONE.IP4.SUBNET.CREATE',
  creates: true,
  prepare: async (context, { zoneid: zone, subnet, ...named }) => {
    await checkZoneSubnet(context.db, zone, subnet);
    const { id } = await context.db
      .insertInto('zone_ipv4_subnet')
      .values({ zone_id: zone.id, subnet, ...(await keeper(context, named)) })
      .returning('id')
      .executeTakeFirstOrThrow();
    return { id };
  },
  execute: ({ db }, id) => presentZoneSubnet(db, id),
});

const updateIpv4SubnetForZone = asyncCommand({
  ...shape,
  name: 'updateIpv4SubnetForZone',
  description: 'Changes an IPv4 subnet of a zone: to one that holds what was cut out of it',
  parameters: {
    id: p.entity('zone_ipv4_subnet').required('The subnet'),
    subnet: p.ipv4Cidr.required('What it is from now on'),
  },
  eventType: 'ZONE.IP4.SUBNET.UPDATE',
  creates: false,
  prepare: async ({ db }, { id, subnet }) => {
    const row = await lockZoneSubnet(db, id.id);
    await checkZoneSubnet(db, { id: row.zone_id }, subnet, row);
    await checkCutOut(db, row, subnet);
    await db.updateTable('zone_ipv4_subnet').set({ subnet }).where('id', '=', row.id).execute();
    return { id: row.id };
  },
  execute: ({ db }, id) => presentZoneSubnet(db, id),
});

const deleteIpv4SubnetForZone = asyncCommand({
  ...shape,
  name: 'deleteIpv4SubnetForZone',
  description: 'Takes an IPv4 subnet away from its zone: one that nothing was cut out of',
  parameters: { id: p.entity('zone_ipv4_subnet').required('The subnet') },
  responseKey: null,
  responseFields: successFields,
  eventType: 'ZONE.IP4.SUBNET.DELETE',
  creates: false,
  prepare: async ({ db }, { id }) => {
    const row = await lockZoneSubnet(db, id.id);
    await checkCutOut(db, row, null);
    await db.deleteFrom('zone_ipv4_subnet').where('id', '=', row.id).execute();
    return { id: row.id };
  },
  execute: async () => ({ success: true }),
});

const dedicateIpv4SubnetForZone = asyncCommand({
  ...shape,
  name: 'dedicateIpv4SubnetForZone',
  description: 'Keeps an IPv4 subnet of a zone for an account or a domain',
  parameters: { id: p.entity('zone_ipv4_subnet').required('The subnet'), ...owned },
  eventType: 'ZONE.IP4.SUBNET.DEDICATE',
  creates: false,
  prepare: async (context, { id, ...named }) => {
    const { db } = context;
    const row = await lockZoneSubnet(db, id.id);
    const kept = await keeper(context, named);
    if (kept.domain_id === null) throw parameterError('domainid', '', 'a domain, or account beside it');
    const others = await db
      .selectFrom('guest_ipv4_subnet')
      .innerJoin('network', 'network.id', 'guest_ipv4_subnet.network_id')
      .innerJoin('domain', 'domain.id', 'network.domain_id')
      .select('network.name')
      .where('guest_ipv4_subnet.parent_id', '=', row.id)
      .where(
        kept.account_id === null
          ? sql<boolean>`not starts_with(domain.path, (select path from domain where id = ${kept.domain_id}::uuid))`
          : sql<boolean>`network.account_id <> ${kept.account_id}::uuid`,
      )
      .executeTakeFirst();
    if (others !== undefined) {
      throw new ApiError(
        'inUse',
        `The IPv4 subnet ${row.subnet} of parameter id is in use by network ${others.name} of another`,
      );
    }
    await db.updateTable('zone_ipv4_subnet').set(kept).where('id', '=', row.id).execute();
    return { id: row.id };
  },
  execute: ({ db }, id) => presentZoneSubnet(db, id),
});

const releaseIpv4SubnetForZone = asyncCommand({
  ...shape,
  name: 'releaseIpv4SubnetForZone',
  description: "Makes an IPv4 subnet of a zone everybody's again",
  parameters: { id: p.entity('zone_ipv4_subnet').required('The subnet') },
  eventType: 'ZONE.IP4.SUBNET.RELEASE',
  creates: false,
  prepare: async ({ db }, { id }) => {
    const row = await lockZoneSubnet(db, id.id);
    await db
      .updateTable('zone_ipv4_subnet')
      .set({ account_id: null, domain_id: null })
      .where('id', '=', row.id)
      .execute();
    return { id: row.id };
  },
  execute: ({ db }, id) => presentZoneSubnet(db, id),
});

const listIpv4SubnetsForZone = listCommand({
  name: 'listIpv4SubnetsForZone',
  description: 'Lists the IPv4 subnets of zones',
  roles: ['Admin'],
  entity: 'zone_ipv4_subnet',
  keywordColumns: ['subnet'],
  order: ['created'],
  parameters: {
    zoneid: p.entity('zone').optional('List by zone'),
    subnet: p.text.optional('The one that is this network'),
    account: p.text.optional('Those that are kept for an account of this name'),
    domainid: p.entity('domain').optional('Those that are kept for this domain, or an account of it'),
  },
  responseKey: 'zoneipv4subnet',
  responseFields: zoneSubnetFields,
  filter: (query, { zoneid, subnet, account, domainid }) => {
    let q = query;
    if (zoneid !== undefined) q = q.where('zone_ipv4_subnet.zone_id', '=', zoneid.id);
    if (subnet !== undefined) q = q.where(sql<boolean>`zone_ipv4_subnet.subnet = ${subnet}`);
    if (account !== undefined) {
      q = q.where(sql<boolean>`zone_ipv4_subnet.account_id in (select id from account where name = ${account})`);
    }
    return domainid === undefined ? q : q.where('zone_ipv4_subnet.domain_id', '=', domainid.id);
  },
  present: ({ db }, rows) => presentZoneSubnets(db, rows),
});

export const zoneSubnetCommands: readonly Command[] = [
  createIpv4SubnetForZone,
  updateIpv4SubnetForZone,
  deleteIpv4SubnetForZone,
  dedicateIpv4SubnetForZone,
  releaseIpv4SubnetForZone,
  listIpv4SubnetsForZone,
];
