// POST /console/resume: a page that lost its proxy comes back with its token, and gets another ticket for its session.
import type { ResumeAnswer } from '@isthmus/contract';
import { sql } from 'kysely';
import type { ConsoleResumption } from '../../model/console-orchestration.ts';
import { consoleSetting } from '../../store/console-proxy.ts';
import type { Trx } from '../../store/database.ts';
import { transaction } from '../../store/transaction.ts';
import { type ConsoleParts, type ConsoleSession, reasonMessages } from './console-parts.ts';
import { lockConsoles } from './lock-consoles.ts';
import { consoleMachine, hasConsole, isOnItsWay } from './machine.ts';
import { notEnded } from './not-ended.ts';
import { endSession, toldEnd } from './open.ts';
import { chooseProxy } from './proxies.ts';
import { isEnabled, isSameAddress } from './redeem.ts';
import { hashOf, newSecret } from './secrets.ts';

/** Until a page asks again. */
const againSeconds = 1;
/** A host that is there answers within this time. */
const hostAnswersMs = 1_500;

const over: ResumeAnswer = { state: 'refused', message: 'This session is over. Open the console again.' };

/**
 * A ticket for the token. The token stays good until that ticket is redeemed: the answer may be lost, or the proxy may be
 * gone before it is reached. Each ticket takes the place of the one before; who shows a token that was spent ends the
 * session.
 */
export async function resumeConsole(parts: ConsoleParts, resumption: ConsoleResumption): Promise<ResumeAnswer> {
  if (!(await isHostThere(parts, resumption.request.resume))) return { state: 'again', seconds: againSeconds };
  return transaction(parts.db, (trx) => decide(parts, trx, resumption));
}

/** False where the machine's host does not answer: a ticket would be spent on nothing. */
async function isHostThere({ db, hosts }: ConsoleParts, resume: string): Promise<boolean> {
  const session = await db
    .selectFrom('console_session')
    .select(['target_kind', 'target_id'])
    .where('resume_hash', '=', hashOf(resume))
    .where(notEnded)
    .executeTakeFirst();
  if (session === undefined) return true;
  const machine = await consoleMachine(db, { kind: session.target_kind, id: session.target_id });
  const host = await db
    .selectFrom('host')
    .select(['id', 'url'])
    .where('id', '=', machine?.hostId ?? null)
    .executeTakeFirst();
  return host === undefined || (await hosts.ask(host, hostAnswersMs)) !== null;
}

async function decide(parts: ConsoleParts, trx: Trx, resumption: ConsoleResumption): Promise<ResumeAnswer> {
  const hash = hashOf(resumption.request.resume);
  const byToken = trx.selectFrom('console_session').where('resume_hash', '=', hash);
  const found = await byToken.select(['user_id', 'target_id']).executeTakeFirst();
  if (found !== undefined) await lockConsoles(trx, found);
  const session = found === undefined ? undefined : await byToken.selectAll().forUpdate().executeTakeFirst();
  if (session === undefined) return replayed(parts, trx, hash);
  if (session.state === 'Ended') return endedAnswer(session);
  const why = await refusalOf(trx, session, resumption);
  if (why !== null) {
    parts.log.warn('a console session does not come back', { ...toldOf(session), reason: why });
    return over;
  }
  const machine = await consoleMachine(trx, { kind: session.target_kind, id: session.target_id });
  if (machine === null) return { state: 'refused', reason: 'destroyed', message: '' };
  if (!hasConsole(machine) && !isOnItsWay(machine)) return over;
  if (isOnItsWay(machine)) {
    // As long as it takes: the page is there, and asks.
    await trx.updateTable('console_session').set({ lost: sql<Date>`now()` }).where('id', '=', session.id).execute();
    return { state: 'again', seconds: againSeconds };
  }
  const { proxy: lost } = resumption.request;
  const wishes = { zoneId: session.zone_id, targetId: session.target_id, ...(lost !== undefined && { butNot: lost }) };
  const proxy = await chooseProxy(parts, trx, wishes);
  if (proxy === null) return { state: 'again', seconds: againSeconds };
  const ticket = await issue(trx, session);
  parts.log.info('a console session comes back', { ...toldOf(session), proxy: proxy.id });
  return { state: 'open', ticket, proxy: proxy.id, socket: proxy.socket };
}

/** Whoever has the token had the session, and may know what became of it. */
function endedAnswer(session: ConsoleSession): ResumeAnswer {
  const reason = toldEnd(session);
  return reason === null ? over : { state: 'refused', reason, message: '' };
}

function toldOf({ id, user_id: user, target_id: machine }: ConsoleSession) {
  return { session: id, user, machine };
}

/** Unknown, or spent already: then either of the two who have it is not the page. */
async function replayed({ log }: ConsoleParts, trx: Trx, hash: string): Promise<ResumeAnswer> {
  const stolen = await trx
    .selectFrom('console_session')
    .selectAll()
    .where(sql<boolean>`used_resume_hashes @> array[${hash}]::text[]`)
    .where(notEnded)
    .executeTakeFirst();
  if (stolen === undefined) {
    log.info('a console session does not come back', { reason: 'no such token' });
    return over;
  }
  log.warn('a console session ends: its resume token was shown twice', toldOf(stolen));
  await endSession(trx, stolen.id, 'revoked');
  return over;
}

async function refusalOf(
  trx: Trx,
  session: ConsoleSession,
  { clientAddress }: ConsoleResumption,
): Promise<string | null> {
  if (session.state !== 'Open') return `it is ${session.state}`;
  const lastKnown = session.lost ?? session.seen ?? session.acquired ?? session.created;
  const waitMs = Number(await consoleSetting(trx, 'console.resume.wait')) * 1000;
  if (waitMs === 0 || lastKnown.getTime() + waitMs < Date.now()) return 'too late';
  const limitMs = Number(await consoleSetting(trx, 'console.session.limit')) * 1000;
  const opened = session.acquired ?? session.created;
  if (limitMs > 0 && opened.getTime() + limitMs < Date.now()) return reasonMessages.absolute;
  const isBound = session.bound_address !== null;
  if (isBound && !isSameAddress(session.bound_address ?? '', clientAddress ?? '')) return `from ${clientAddress}`;
  return (await isEnabled(trx, session.user_id)) ? null : 'the user is not enabled';
}

async function issue(trx: Trx, session: ConsoleSession): Promise<string> {
  const ticket = newSecret();
  const lifetimeMs = Number(await consoleSetting(trx, 'console.ticket.lifetime')) * 1000;
  await trx
    .updateTable('console_session')
    .set({
      ticket_hash: hashOf(ticket),
      ticket_expires: new Date(Date.now() + lifetimeMs),
      request_id: null,
      system_vm_id: null,
      lost: session.lost ?? new Date(),
    })
    .where('id', '=', session.id)
    .execute();
  return ticket;
}
