// Where and to whom an offering is offered.
import { sql } from 'kysely';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { ApiError, parameterError } from '../errors.ts';

type Offering = EntityRow<'network_offering'>;

/** True for offerings of a domain or of one above it, and for everybody's. `path` is the domain's. */
export function offeredToDomain(path: string) {
  return sql<boolean>`(network_offering.domain_ids = '[]' or exists (select 1 from domain
    where network_offering.domain_ids ? domain.id::text and starts_with(${path}, domain.path)))`;
}

/** True for offerings of a zone, and for those of every zone. */
export function offeredInZone(zoneId: string) {
  return sql<boolean>`(network_offering.zone_ids = '[]' or network_offering.zone_ids ? ${zoneId})`;
}

/** Throws 431 or 531 where an offering is not for networks of this zone and domain. */
export async function checkOffered(
  db: Trx,
  offering: Offering,
  where: { readonly zoneId: string; readonly domainId: string },
): Promise<void> {
  if (offering.zone_ids.length > 0 && !offering.zone_ids.includes(where.zoneId)) {
    throw parameterError('networkofferingid', offering.id, `an offering of zone ${where.zoneId}`);
  }
  if (offering.domain_ids.length === 0) return;
  const { path } = await db
    .selectFrom('domain')
    .select('path')
    .where('id', '=', where.domainId)
    .executeTakeFirstOrThrow();
  const offered = await db
    .selectFrom('network_offering')
    .select('id')
    .where('id', '=', offering.id)
    .where(offeredToDomain(path))
    .executeTakeFirst();
  if (offered === undefined) {
    throw new ApiError(
      'account',
      `Network offering ${offering.name} (networkofferingid) is not offered to the domain of the account: expected another`,
    );
  }
}
