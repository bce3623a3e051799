// From a session that may be opened to the answer that opens it.
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsoleAnswer, ConsoleMode, ConsoleReason } from '@isthmus/contract';
import { sql } from 'kysely';
import { HostRefusedError } from '../../drivers/errors.ts';
import type { Db, Trx } from '../../store/database.ts';
import { type ConsoleParts, type ConsoleSession, reasonMessages } from './console-parts.ts';
import { type GrantedProxy, grantConsole } from './grants.ts';
import { type ConsoleMachine, consoleMachine, isOnItsWay } from './machine.ts';
import { notEnded } from './not-ended.ts';
import { hashOf, newSecret } from './secrets.ts';
import { otherViewers, takeControl } from './viewers.ts';

/** What was opened in the database: the page's next token, and what has to be granted yet. */
export interface Opened {
  readonly session: Pick<ConsoleSession, 'id' | 'target_id' | 'console' | 'user_id'>;
  readonly machine: ConsoleMachine;
  readonly secrets: SessionSecrets;
}

/** Of one opening: the page's token, and what the proxy shows at the door. */
interface SessionSecrets {
  readonly resume: string;
  readonly door: string;
}

/** Tokens that were spent, that a session remembers. */
const mostRemembered = 16;

/** The same opening again, for a request whose answer was lost. Null where that was too long ago. */
export function openedBefore(
  { sealer }: Pick<ConsoleParts, 'sealer'>,
  session: ConsoleSession,
  machine: ConsoleMachine,
): Opened | null {
  if (session.sealed_secrets === null) return null;
  return { session, machine, secrets: JSON.parse(sealer.open(session.sealed_secrets)) as SessionSecrets };
}

/** Opens a session that is locked, with a token afresh for the one that is spent; who controls from now on, others watch. */
export async function openedNow(
  { sealer }: Pick<ConsoleParts, 'sealer'>,
  trx: Trx,
  { session, machine, mode }: { session: ConsoleSession; machine: ConsoleMachine; mode: ConsoleMode },
): Promise<Opened> {
  const secrets: SessionSecrets = { resume: newSecret(), door: newSecret() };
  const { resume_hash: spent, used_resume_hashes: remembered } = session;
  if (mode === 'control') await takeControl(trx, session);
  await trx
    .updateTable('console_session')
    .set({
      state: 'Open',
      mode,
      host_id: machine.hostId,
      acquired: session.acquired ?? new Date(),
      resume_hash: hashOf(secrets.resume),
      ...(spent !== null && { used_resume_hashes: [...remembered.slice(1 - mostRemembered), spent] }),
      sealed_secrets: sealer.seal(JSON.stringify(secrets)),
    })
    .where('id', '=', session.id)
    .execute();
  return { session, machine, secrets };
}

/** Ends a session, unless it has ended. */
export async function endSession(db: Db | Trx, id: string, reason: ConsoleReason): Promise<void> {
  await db
    .updateTable('console_session')
    .set({ state: 'Ended', end_reason: reason, ended: sql<Date>`now()` })
    .where('id', '=', id)
    .where(notEnded)
    .execute();
}

/**
 * Why a session ended that was open once, for who had it and comes back; null: it has not ended, was never open, or there is
 * nothing to tell.
 */
export function toldEnd({ state, acquired, end_reason: reason }: ConsoleSession): ConsoleReason | null {
  return state !== 'Ended' || acquired === null || reason === 'closed' || reason === 'ticket' ? null : reason;
}

/** A machine that starts again has its console back after a moment; the proxy asks another orchestrator after 3 s. */
const patienceMs = 2_000;
const pauseMs = 200;

async function grantPatiently<Result>(grant: () => Promise<Result>): Promise<Result> {
  const until = Date.now() + patienceMs;
  for (;;) {
    try {
      return await grant();
    } catch (error) {
      if (!(error instanceof HostRefusedError) || Date.now() > until) throw error;
    }
    await sleep(pauseMs);
  }
}

/** A machine that is being stopped or destroyed is so by then. */
const fateMs = 6_000;

/** Why a console was not granted: what became of the session or the machine meanwhile, where that is known soon. */
async function whyNot(db: Db, session: Opened['session'], { kind, id }: ConsoleMachine): Promise<ConsoleReason> {
  for (const until = Date.now() + fateMs; Date.now() < until; await sleep(pauseMs)) {
    // First: what ends a machine ends its sessions in one transaction.
    const machine = await consoleMachine(db, { kind, id });
    const row = await db
      .selectFrom('console_session')
      .select(['state', 'end_reason'])
      .where('id', '=', session.id)
      .executeTakeFirst();
    if (row?.state !== 'Open') return row?.end_reason ?? 'revoked';
    if (machine === null) return 'destroyed';
    if (!isOnItsWay(machine)) return machine.state === 'Running' ? 'unavailable' : 'machine';
  }
  return 'machine';
}

/** Grants what was opened at the hosts, and answers; where they do not grant it, the session ends. */
export async function openConsole(
  parts: ConsoleParts,
  proxy: GrantedProxy,
  { session, machine, secrets }: Opened,
): Promise<ConsoleAnswer> {
  const { db, log } = parts;
  const told = { session: session.id, user: session.user_id, machine: session.target_id, proxy: proxy.id };
  try {
    const granted = await grantPatiently(() => grantConsole(parts, session, machine, proxy, secrets.door));
    // While the hosts answered, somebody else may have taken over, or the session may have ended.
    const now = await db.selectFrom('console_session').selectAll().where('id', '=', session.id).executeTakeFirst();
    if (now?.state !== 'Open' || now.system_vm_id !== proxy.id) {
      const reason = now?.end_reason ?? 'revoked';
      log.warn('a console session ended while it was opened', { ...told, reason });
      return { state: 'refused', reason, message: reasonMessages[reason] };
    }
    const viewers = await otherViewers(db, now);
    const mode = now.mode ?? 'watch';
    log.info('a console session is open', { ...told, mode });
    return {
      state: 'open',
      session: session.id,
      machine: machine.name,
      console: session.console,
      mode,
      viewers,
      resume: secrets.resume,
      ...granted,
    };
  } catch (error) {
    log.warn('a console is not granted', { ...told, error: error instanceof Error ? error.message : String(error) });
    const reason = await whyNot(db, session, machine);
    await endSession(db, session.id, reason);
    return { state: 'refused', reason, message: reasonMessages[reason] };
  }
}
