// Who has a console: every viewer of one is told of the others, whichever orchestrator and proxy each came by.
import type { ConsoleKind, ConsoleMode, ConsoleViewer, OrchestratorMessage } from '@isthmus/contract';
import type { Db, Trx } from '../../store/database.ts';
import { notEnded } from './not-ended.ts';

/** A session that is open and has a proxy. */
interface OpenSession extends ConsoleViewer {
  readonly id: string;
  readonly console: ConsoleKind;
  readonly proxyId: string | null;
}

async function openSessions(db: Db | Trx, targetId: string): Promise<OpenSession[]> {
  const rows = await db
    .selectFrom('console_session')
    .innerJoin('cloud_user', 'cloud_user.id', 'console_session.user_id')
    .select(['console_session.id', 'console', 'mode', 'system_vm_id', 'username'])
    .where('target_id', '=', targetId)
    .where(notEnded)
    .where('console_session.state', '=', 'Open')
    .where('lost', 'is', null)
    .orderBy('acquired')
    .execute();
  return rows.map(({ id, console, mode, system_vm_id: proxyId, username }) => {
    return { id, console, proxyId, user: username, mode: mode ?? 'watch' };
  });
}

/** The others who have the same console of a machine open. */
export async function otherViewers(
  db: Db | Trx,
  session: { readonly id: string; readonly target_id: string; readonly console: ConsoleKind },
): Promise<ConsoleViewer[]> {
  return viewersBeside(session, await openSessions(db, session.target_id));
}

function viewersBeside(
  { id, console }: { readonly id: string; readonly console: ConsoleKind },
  sessions: readonly OpenSession[],
): ConsoleViewer[] {
  const others = sessions.filter((other) => other.id !== id && other.console === console);
  return others.map(({ user, mode }) => ({ user, mode }));
}

/** What the proxies are told of a machine's viewers, a message for each session. */
export async function viewerMessages(
  db: Db | Trx,
  targetId: string,
): Promise<{ readonly proxyId: string; readonly message: OrchestratorMessage }[]> {
  const sessions = await openSessions(db, targetId);
  return sessions.flatMap(({ id, console, mode, proxyId }) => {
    if (proxyId === null) return [];
    const viewers = viewersBeside({ id, console }, sessions);
    return [{ proxyId, message: { kind: 'viewers' as const, session: id, mode, viewers } }];
  });
}

/** Others that control the console of a session only watch from now on. */
export async function takeControl(
  trx: Trx,
  {
    id,
    target_id: target,
    console,
  }: { readonly id: string; readonly target_id: string; readonly console: ConsoleKind },
): Promise<void> {
  const mode: ConsoleMode = 'watch';
  await trx
    .updateTable('console_session')
    .set({ mode })
    .where('target_id', '=', target)
    .where(notEnded)
    .where('console', '=', console)
    .where('mode', '=', 'control')
    .where('id', '<>', id)
    .execute();
}
