// What proxies say of their sessions: who is there still, what was carried, what ended.
import type { ConsoleReason, ConsoleReport, OrchestratorMessage } from '@isthmus/contract';
import { sql } from 'kysely';
import { isUuid } from '../../model/uuid.ts';
import { type ConsoleParts, reasonMessages } from './console-parts.ts';
import { notEnded } from './not-ended.ts';
import { endSession } from './open.ts';
import { viewerMessages } from './viewers.ts';

/** A viewer that opened its session this long ago may have missed who came at that moment. */
const recentMs = 10_000;

/** Notes a report; answers with what its proxy is to be told: sessions that must not live any more, viewers. */
export async function heed(
  parts: ConsoleParts,
  proxyId: string,
  report: ConsoleReport,
): Promise<OrchestratorMessage[]> {
  const { db } = parts;
  const sessions = report.sessions.filter(({ session }) => isUuid(session));
  await note(parts, proxyId, sessions);
  await db
    .updateTable('system_vm')
    .set({ reported: sql<Date>`now()`, healthy: report.healthy })
    .where('id', '=', proxyId)
    .execute();
  if (sessions.length === 0) return [];
  const ids = sessions.map(({ session }) => session);
  const rows = await db
    .selectFrom('console_session')
    .select(['id', 'state', 'system_vm_id', 'end_reason', 'target_id', 'acquired'])
    .where('id', 'in', ids)
    .execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  const ends = ids.flatMap((id) => {
    const row = byId.get(id);
    if (row?.system_vm_id === proxyId && row.state !== 'Ended') return [];
    if (row === undefined || row.state === 'Ended') return [endMessage(id, row?.end_reason ?? 'revoked')];
    return [endMessage(id, 'moved')];
  });
  const recent = rows.filter(({ acquired }) => acquired !== null && acquired.getTime() > Date.now() - recentMs);
  const told = await Promise.all(
    [...new Set(recent.map(({ target_id: target }) => target))].map((target) => viewerMessages(db, target)),
  );
  const viewers = told.flat().filter(({ proxyId: id, message }) => id === proxyId && 'viewers' in message);
  return [...ends, ...viewers.map(({ message }) => message)];
}

async function note({ db }: ConsoleParts, proxyId: string, sessions: ConsoleReport['sessions']): Promise<void> {
  if (sessions.length === 0) return;
  const columns = {
    ids: sessions.map(({ session }) => session),
    toClient: sessions.map(({ bytesToClient }) => bytesToClient),
    toTarget: sessions.map(({ bytesToTarget }) => bytesToTarget),
  };
  // In the order of their ids, as others lock them too.
  await sql`
    with said as (
      select * from unnest(${columns.ids}::uuid[], ${columns.toClient}::bigint[], ${columns.toTarget}::bigint[])
        as said (id, to_client, to_target)
    ), locked as (
      select id from console_session where id in (select id from said) order by id for update
    )
    update console_session set seen = now(), sealed_secrets = null, bytes_to_client = greatest(bytes_to_client, said.to_client),
      bytes_to_target = greatest(bytes_to_target, said.to_target)
    from said join locked using (id)
    where console_session.id = said.id and system_vm_id = ${proxyId} and state <> 'Ended'`.execute(db);
  await db
    .updateTable('console_session')
    .set({ lost: null })
    .where('id', 'in', columns.ids)
    .where('system_vm_id', '=', proxyId)
    .where('lost', 'is not', null)
    .where(notEnded)
    .execute();
}

/** The message that ends a session at its proxy. */
export function endMessage(session: string, reason: ConsoleReason): OrchestratorMessage {
  return { kind: 'end', session, reason, message: reasonMessages[reason] };
}

/** Ends after which the page may come back: what was lost is the connection, not the right to it. */
const resumable: readonly ConsoleReason[] = ['target', 'closed', 'slow', 'draining', 'unavailable', 'moved'];

/** A proxy says that a session is over. */
export async function ended(
  { db, log }: ConsoleParts,
  proxyId: string,
  { session, reason }: { readonly session: string; readonly reason: ConsoleReason },
): Promise<void> {
  if (!isUuid(session)) return;
  const row = await db
    .selectFrom('console_session')
    .select(['id', 'state', 'user_id', 'target_id'])
    .where('id', '=', session)
    .where('system_vm_id', '=', proxyId)
    .where(notEnded)
    .executeTakeFirst();
  if (row === undefined) return;
  log.info('a console session is over', { session, proxy: proxyId, user: row.user_id, machine: row.target_id, reason });
  if (row.state !== 'Open' || !resumable.includes(reason)) return endSession(db, session, reason);
  await db
    .updateTable('console_session')
    .set({ lost: sql<Date>`now()`, system_vm_id: null })
    .where('id', '=', session)
    .where('system_vm_id', '=', proxyId)
    .where('state', '=', 'Open')
    .execute();
}
