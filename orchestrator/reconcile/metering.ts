// Accounting: reads the counters of routers and adds up what passed since, each byte once.
import { setTimeout as sleep } from 'node:timers/promises';
import type { OperationAnswer } from '@isthmus/contract';
import { sql } from 'kysely';
import type { Trx } from '../store/database.ts';
import type { Router } from './network-rows.ts';
import type { Parts } from './parts.ts';

type Usage = OperationAnswer<'usage'>;

/** Routers that are read at once. */
const readAtOnce = 4;
const lastWaitMs = 10_000;

/**
 * Reads one router and adds up. Never throws: what cannot be read now is read in the next round, since the router goes on
 * counting.
 */
export async function collectUsage(parts: Parts, router: Pick<Router, 'id' | 'name' | 'host_id'>): Promise<void> {
  try {
    const rangeMinutes = Number(await parts.setting('usage.stats.job.aggregation.range'));
    const agent = await parts.agents.of(router);
    for (let isTaken = false; !isTaken; ) {
      const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(parts.db);
      const [{ now: asked } = { now: new Date() }] = rows;
      // Nothing is locked while a router is waited for.
      const answer = await agent.operate('usage', {});
      isTaken = await parts.db.transaction().execute((trx) => takeReading(trx, router.id, asked, answer, rangeMinutes));
    }
  } catch (error) {
    parts.log.info('the counters of a router could not be read', { router: router.name, error: String(error) });
  }
}

/** False where another reading came between question and answer: which of the two is newer is not known. */
async function takeReading(
  trx: Trx,
  routerId: string,
  asked: Date,
  answer: Usage,
  rangeMinutes: number,
): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`usage ${routerId}`}, 0))`.execute(trx);
  const other = await trx
    .selectFrom('usage_reading')
    .select('read_at')
    .where('router_id', '=', routerId)
    .where('read_at', '>', asked)
    .executeTakeFirst();
  if (other !== undefined) return false;
  await addUp(trx, routerId, answer, rangeMinutes);
  return true;
}

/** What a router has counted, before it ends or begins anew at zero. A dead one is not waited for. */
export async function keepLastBytes(parts: Parts, router: Router): Promise<void> {
  if (router.state === 'Running') await Promise.race([collectUsage(parts, router), sleep(lastWaitMs)]);
}

/** Reads every router whose last reading is older than `router.stats.interval`; with `all`, every router. */
export async function meteringRound(parts: Parts, all = false): Promise<void> {
  const seconds = all ? 0 : Number(await parts.setting('router.stats.interval'));
  const routers = await parts.db
    .selectFrom('router')
    .leftJoin('usage_reading', 'usage_reading.router_id', 'router.id')
    .select(['router.id', 'router.name', 'router.host_id'])
    .where('router.state', '=', 'Running')
    .where(({ or, eb }) =>
      or([
        eb('usage_reading.read_at', 'is', null),
        eb('usage_reading.read_at', '<=', sql<Date>`now() - make_interval(secs => ${seconds})`),
      ]),
    )
    .orderBy('usage_reading.read_at')
    .execute();
  const next = routers.values();
  const reader = async () => {
    for (const router of next) await collectUsage(parts, router);
  };
  await Promise.all(Array.from({ length: readAtOnce }, reader));
}

/** One counter's bytes since the last reading. */
interface Passed {
  readonly address: string;
  readonly sent: number;
  readonly received: number;
}

async function addUp(trx: Trx, routerId: string, { epoch, counters }: Usage, rangeMinutes: number): Promise<void> {
  const network = await trx
    .selectFrom('router')
    .innerJoin('network', 'network.id', 'router.network_id')
    .select(['network.id', 'network.name', 'network.zone_id', 'network.account_id', 'network.domain_id'])
    .where('router.id', '=', routerId)
    .executeTakeFirst();
  if (network === undefined) return;
  const passed = await passedSince(trx, routerId, epoch, counters);
  const addressIds = await idsOfAddresses(trx, network.zone_id, passed);
  const now = sql<Date>`clock_timestamp()`;
  await trx
    .insertInto('usage_reading')
    .values({ router_id: routerId, epoch, read_at: now })
    .onConflict((conflict) => conflict.column('router_id').doUpdateSet({ epoch, read_at: now }))
    .execute();
  const range = rangeMinutes * 60_000;
  const start = new Date(Math.floor(Date.now() / range) * range);
  const end = new Date(start.getTime() + range);
  for (const { address, sent, received } of passed) {
    for (const [usageType, bytes] of [[4, sent] as const, [5, received] as const]) {
      if (bytes === 0) continue;
      await trx
        .insertInto('usage_record')
        .values({
          usage_type: usageType,
          network_id: network.id,
          network_name: network.name,
          public_ip_address: address,
          public_ip_address_id: addressIds.get(address) ?? null,
          zone_id: network.zone_id,
          account_id: network.account_id,
          domain_id: network.domain_id,
          bytes,
          start_date: start,
          end_date: end,
        })
        .onConflict((conflict) =>
          conflict
            .columns(['network_id', 'public_ip_address', 'account_id', 'usage_type', 'start_date'])
            .doUpdateSet(({ ref }) => ({
              bytes: sql<string>`${ref('usage_record.bytes')} + ${ref('excluded.bytes')}`,
            })),
        )
        .execute();
    }
  }
}

async function idsOfAddresses(
  trx: Trx,
  zoneId: string,
  passed: readonly Passed[],
): Promise<ReadonlyMap<string, string>> {
  const addresses = passed.map(({ address }) => address).filter((address) => address !== '');
  const rows = await trx
    .selectFrom('public_ip_address')
    .select(['id', 'address'])
    .where('zone_id', '=', zoneId)
    .where(sql<boolean>`address = any(${addresses}::text[])`)
    .execute();
  return new Map(rows.map(({ id, address }) => [address, id]));
}

/** Counters since the last reading; since zero where they began anew. Writes down what they say now. */
async function passedSince(trx: Trx, routerId: string, epoch: string, counters: Usage['counters']): Promise<Passed[]> {
  const reading = await trx
    .selectFrom('usage_reading')
    .select('epoch')
    .where('router_id', '=', routerId)
    .executeTakeFirst();
  if (reading?.epoch !== epoch) await trx.deleteFrom('usage_counter').where('router_id', '=', routerId).execute();
  const before = await trx.selectFrom('usage_counter').selectAll().where('router_id', '=', routerId).execute();
  const known = new Map(before.map((row) => [row.address, row]));
  const changed: Passed[] = [];
  for (const { publicAddress: address = '', sentBytes, receivedBytes } of counters) {
    const seen = known.get(address);
    const sent = sentBytes - Number(seen?.sent_bytes ?? 0);
    const received = receivedBytes - Number(seen?.received_bytes ?? 0);
    if (seen !== undefined && sent === 0 && received === 0) continue;
    changed.push({ address, sent, received });
    const values = { sent_bytes: sentBytes, received_bytes: receivedBytes };
    await trx
      .insertInto('usage_counter')
      .values({ router_id: routerId, address, ...values })
      .onConflict((conflict) => conflict.columns(['router_id', 'address']).doUpdateSet(values))
      .execute();
  }
  return changed;
}
