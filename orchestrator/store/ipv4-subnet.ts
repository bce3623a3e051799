// Cuts subnets for routed networks out of a zone's. The only place that does, so that nothing is ever given twice.
import { type Ipv4Cidr, prefixLengthOf } from '@isthmus/net';
import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import { ApiError, parameterError } from '../model/api-error.ts';
import { cidrWithin, freeSubnet } from '../model/ipv4-subnet.ts';
import type { Trx } from './database.ts';
import type { ZoneIpv4SubnetTable } from './tables/routed.ts';

type ZoneSubnet = Selectable<ZoneIpv4SubnetTable>;

/** Who takes a subnet: of which size, or which one. */
export interface SubnetRequest {
  readonly zoneId: string;
  readonly accountId: string;
  readonly domainId: string;
  readonly networkId: string;
  readonly wanted: { readonly prefixLength: number } | { readonly cidr: Ipv4Cidr };
}

/** The zone's subnets that an account may use, its own and its domain's first; locked until the transaction ends. */
async function parentsFor(trx: Trx, { zoneId, accountId, domainId }: SubnetRequest): Promise<ZoneSubnet[]> {
  return trx
    .selectFrom('zone_ipv4_subnet')
    .selectAll()
    .where('zone_id', '=', zoneId)
    .where(
      sql<boolean>`(account_id = ${accountId}::uuid or account_id is null and (domain_id is null or exists (
        select 1 from domain dedicated join domain owner on owner.id = ${domainId}::uuid
        where dedicated.id = zone_ipv4_subnet.domain_id and starts_with(owner.path, dedicated.path))))`,
    )
    .orderBy(sql`account_id is null, domain_id is null, created, id`)
    .forUpdate()
    .execute();
}

/** Subnets that were cut out of one of the zone's. */
export async function subnetsOf(trx: Trx, parentId: string) {
  return trx.selectFrom('guest_ipv4_subnet').selectAll().where('parent_id', '=', parentId).execute();
}

/**
 * Gives a network a subnet: a free one that an admin made, of that size, else a new one. Throws 431 for `gateway` or
 * `cidrsize` where the zone has nothing that fits, 533 where it is taken.
 */
export async function allocateIpv4Subnet(trx: Trx, request: SubnetRequest): Promise<Ipv4Cidr> {
  const { wanted } = request;
  const parents = await parentsFor(trx, request);
  for (const parent of parents) {
    const cut = await subnetsOf(trx, parent.id);
    const ready = cut.find(
      ({ network_id: network, subnet }) =>
        network === null &&
        ('cidr' in wanted ? subnet === wanted.cidr : prefixLengthOf(subnet) === wanted.prefixLength),
    );
    if (ready !== undefined) {
      await trx
        .updateTable('guest_ipv4_subnet')
        .set({ network_id: request.networkId, allocated: new Date() })
        .where('id', '=', ready.id)
        .execute();
      return ready.subnet;
    }
    const taken = cut.map(({ subnet }) => subnet);
    const subnet =
      'cidr' in wanted
        ? cutOut(parent.subnet, wanted.cidr, taken)
        : freeSubnet(parent.subnet, wanted.prefixLength, taken);
    if (subnet === undefined) continue;
    await trx
      .insertInto('guest_ipv4_subnet')
      .values({
        parent_id: parent.id,
        subnet,
        network_id: request.networkId,
        is_explicit: false,
        allocated: new Date(),
      })
      .execute();
    return subnet;
  }
  const known = parents.map(({ subnet }) => subnet).join(', ') || 'none';
  if ('cidr' in wanted) throw parameterError('gateway', wanted.cidr, `a network of the zone's IPv4 subnets: ${known}`);
  throw new ApiError(
    'insufficientCapacity',
    `No /${wanted.prefixLength} (cidrsize) is free in the zone's IPv4 subnets: ${known}`,
  );
}

function cutOut(parent: Ipv4Cidr, cidr: Ipv4Cidr, taken: readonly Ipv4Cidr[]): Ipv4Cidr | undefined {
  if (!cidrWithin(cidr, parent)) return undefined;
  const clash = taken.find((each) => cidrWithin(each, cidr) || cidrWithin(cidr, each));
  if (clash === undefined) return cidr;
  throw new ApiError(
    'insufficientCapacity',
    `The network ${cidr} (gateway, netmask) overlaps ${clash}, which is in use: expected a free one`,
  );
}

/** What a network was cut goes back to its zone; what an admin made stays, free. */
export async function releaseIpv4Subnet(trx: Trx, networkId: string): Promise<void> {
  await trx
    .deleteFrom('guest_ipv4_subnet')
    .where('network_id', '=', networkId)
    .where('is_explicit', '=', false)
    .execute();
  await trx
    .updateTable('guest_ipv4_subnet')
    .set({ network_id: null, allocated: null })
    .where('network_id', '=', networkId)
    .execute();
}
