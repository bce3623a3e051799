import { networksIn } from '../../model/ipv6-network.ts';
import type { Db } from '../../store/database.ts';
import type { ResponseFields, ResponseObject } from '../declaration.ts';
import type { EntityRow } from '../entities.ts';
import { field } from '../response-field.ts';

export const ipv6PrefixFields: ResponseFields = {
  id: field.string('The id of the prefix'),
  prefix: field.string('The prefix'),
  zoneid: field.string('Its zone'),
  usedsubnets: field.integer('Networks that have a /64 of it'),
  availablesubnets: field.integer('Its free /64s'),
  totalsubnets: field.integer('Its /64s'),
  created: field.date('When it was created'),
};

/** Prefixes as the API shows them. */
export async function presentIpv6Prefixes(
  db: Db,
  rows: readonly EntityRow<'guest_network_ipv6_prefix'>[],
): Promise<ResponseObject[]> {
  if (rows.length === 0) return [];
  const used = await db
    .selectFrom('network')
    .select(({ fn }) => ['ip6_prefix_id as id', fn.countAll<string>().as('count')])
    .where(
      'ip6_prefix_id',
      'in',
      rows.map(({ id }) => id),
    )
    .groupBy('ip6_prefix_id')
    .execute();
  const counts = new Map(used.map(({ id, count }) => [id, Number(count)]));
  return rows.map((row) => {
    // The API's integers have 32 bits.
    const total = Math.min(Number(networksIn(row.prefix)), 2_147_483_647);
    const usedsubnets = counts.get(row.id) ?? 0;
    return {
      id: row.id,
      prefix: row.prefix,
      zoneid: row.zone_id,
      usedsubnets,
      availablesubnets: total - usedsubnets,
      totalsubnets: total,
      created: row.created,
    };
  });
}
