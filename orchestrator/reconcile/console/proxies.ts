// Which console proxy carries a session.

import { consoleProxiesOf, consoleSetting, type ReachableConsoleProxy } from '../../store/console-proxy.ts';
import type { Db, Trx } from '../../store/database.ts';
import type { ConsoleParts } from './console-parts.ts';
import { notEnded } from './not-ended.ts';

/** What is to be carried. */
export interface Wishes {
  readonly zoneId: string;
  readonly targetId: string;
  /** The proxy that was lost: taken only where there is no other. */
  readonly butNot?: string;
}

async function loads(db: Db | Trx, zoneId: string): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom('console_session')
    .select(['system_vm_id', ({ fn }) => fn.countAll<string>().as('count')])
    .where('zone_id', '=', zoneId)
    .where(notEnded)
    .where('system_vm_id', 'is not', null)
    .groupBy('system_vm_id')
    .execute();
  return new Map(rows.map(({ system_vm_id: id, count }) => [id ?? '', Number(count)]));
}

async function viewedBy(db: Db | Trx, targetId: string): Promise<string | null> {
  const row = await db
    .selectFrom('console_session')
    .select('system_vm_id')
    .where('target_id', '=', targetId)
    .where(notEnded)
    .where('state', '=', 'Open')
    .where('lost', 'is', null)
    .where('system_vm_id', 'is not', null)
    .limit(1)
    .executeTakeFirst();
  return row?.system_vm_id ?? null;
}

/**
 * A proxy that is healthy, reached and has room: the one that another viewer of the machine uses, else the one with the
 * fewest sessions. Null: there is none.
 */
export async function chooseProxy(
  { isReached }: Pick<ConsoleParts, 'isReached'>,
  db: Db | Trx,
  { zoneId, targetId, butNot }: Wishes,
): Promise<ReachableConsoleProxy | null> {
  const most = Number(await consoleSetting(db, 'consoleproxy.session.max'));
  const [proxies, load, viewed] = [
    await consoleProxiesOf(db, zoneId),
    await loads(db, zoneId),
    await viewedBy(db, targetId),
  ];
  const loadOf = ({ id }: ReachableConsoleProxy) => load.get(id) ?? 0;
  const usable = proxies.filter((proxy) => proxy.takesSessions && isReached(proxy.id) && loadOf(proxy) < most);
  const others = usable.filter(({ id }) => id !== butNot);
  const candidates = others.length > 0 ? others : usable;
  const shared = candidates.find(({ id }) => id === viewed);
  return shared ?? [...candidates].sort((left, right) => loadOf(left) - loadOf(right))[0] ?? null;
}
