// A ticket, shown to a console proxy by a browser, becomes a session: once, whoever else shows it at the same time.
import type { ConsoleAnswer, ConsoleMode, ConsoleReason, ConsoleRequest } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { consoleOrigins } from '../../store/console-origin.ts';
import type { Trx } from '../../store/database.ts';
import type { SystemVmTable } from '../../store/tables/console.ts';
import { transaction } from '../../store/transaction.ts';
import { type ConsoleParts, type ConsoleSession, type Refusal, reasonMessages } from './console-parts.ts';
import { limitRefusal } from './limits.ts';
import { lockConsoles } from './lock-consoles.ts';
import { type ConsoleMachine, consoleMachine, hasConsole } from './machine.ts';
import { endSession, type Opened, openConsole, openedBefore, openedNow, toldEnd } from './open.ts';
import { hashOf } from './secrets.ts';
import { otherViewers } from './viewers.ts';

export type RedeemRequest = Extract<ConsoleRequest, { readonly kind: 'redeem' }>;
/** The proxy that asks. */
export type AskingProxy = Pick<Selectable<SystemVmTable>, 'id' | 'zone_id' | 'host_id' | 'draining'>;

/** What the transaction decides; what it opens is granted after it, since hosts are not asked under a lock. */
type Decision = { readonly answer: ConsoleAnswer } | { readonly opened: Opened };

function refused({ reason, message }: Refusal): Decision {
  return { answer: { state: 'refused', reason, message } };
}

function because(reason: ConsoleReason): Refusal {
  return { reason, message: reasonMessages[reason] };
}

/** Answers a proxy's request. The same request is carried out once, and answered the same. */
export async function redeem(parts: ConsoleParts, proxy: AskingProxy, request: RedeemRequest): Promise<ConsoleAnswer> {
  const decision = await transaction(parts.db, (trx) => decide(parts, trx, proxy, request));
  return 'answer' in decision ? decision.answer : openConsole(parts, proxy, decision.opened);
}

async function decide(parts: ConsoleParts, trx: Trx, proxy: AskingProxy, request: RedeemRequest): Promise<Decision> {
  const ticketHash = hashOf(request.ticket);
  const byTicket = trx.selectFrom('console_session').where('ticket_hash', '=', ticketHash);
  const found = await byTicket.select(['user_id', 'target_id']).executeTakeFirst();
  if (found !== undefined) await lockConsoles(trx, found);
  const session = await byTicket.selectAll().forUpdate().executeTakeFirst();
  if (session === undefined) return refuse(parts, proxy, null, because('ticket'), 'no such ticket');
  if (session.request_id !== null) return repeated(parts, trx, proxy, session, request);
  const late = session.ticket_expires === null || session.ticket_expires.getTime() <= Date.now();
  if (late || !['Issued', 'Open'].includes(session.state)) {
    return refuse(
      parts,
      proxy,
      session,
      because(toldEnd(session) ?? 'ticket'),
      `late, or of a session that is ${session.state}`,
    );
  }
  // Another proxy may still take it.
  if (proxy.draining !== null) return refuse(parts, proxy, session, because('draining'));
  const machine = await consoleMachine(trx, { kind: session.target_kind, id: session.target_id });
  const refusal = await refusalOf(parts, trx, { proxy, session, machine, request });
  if (refusal !== null || machine === null) {
    // Whoever shows it rightly and wrongly is not told apart: it is spent.
    await endSession(trx, session.id, refusal?.told.reason ?? 'machine');
    return refuse(parts, proxy, session, refusal?.told ?? because('machine'), refusal?.why);
  }
  return claim(parts, trx, { proxy, session, machine, request });
}

function refuse(
  { log }: ConsoleParts,
  proxy: AskingProxy,
  session: ConsoleSession | null,
  refusal: Refusal,
  why?: string,
): Decision {
  log.warn('a console ticket is refused', {
    proxy: proxy.id,
    reason: refusal.reason,
    ...(why !== undefined && { why }),
    ...(session !== null && { session: session.id, user: session.user_id, machine: session.target_id }),
  });
  return refused(refusal);
}

/** The ticket was taken: by this request, whose answer was lost, or by another. */
async function repeated(
  parts: ConsoleParts,
  trx: Trx,
  proxy: AskingProxy,
  session: ConsoleSession,
  request: RedeemRequest,
): Promise<Decision> {
  const isSame = session.request_id === request.id && session.system_vm_id === proxy.id;
  if (isSame && session.state === 'Choosing') {
    return { answer: { state: 'choose', session: session.id, viewers: await otherViewers(trx, session) } };
  }
  if (!isSame || session.state !== 'Open') {
    return refuse(parts, proxy, session, because('ticket'), 'used twice');
  }
  const machine = await consoleMachine(trx, { kind: session.target_kind, id: session.target_id });
  const opened = machine === null ? null : openedBefore(parts, session, machine);
  return opened === null ? refused(because('ticket')) : { opened };
}

interface Attempt {
  readonly proxy: AskingProxy;
  readonly session: ConsoleSession;
  readonly machine: ConsoleMachine | null;
  readonly request: RedeemRequest;
}

/** Why a ticket that is good opens nothing: what the person is told, and what the log says besides. */
async function refusalOf(
  parts: ConsoleParts,
  trx: Trx,
  { proxy, session, machine, request }: Attempt,
): Promise<{ readonly told: Refusal; readonly why?: string } | null> {
  if (proxy.zone_id !== session.zone_id) return { told: because('ticket'), why: 'the proxy is of another zone' };
  const extra = request.extra === null ? null : hashOf(request.extra);
  // Who comes back has shown it, and may have loaded the page again since.
  if (session.state === 'Issued' && session.extra_hash !== null && session.extra_hash !== extra) {
    return { told: because('ticket'), why: extra === null ? 'no extra token' : 'another extra token' };
  }
  const origins = [session.origin, ...(await consoleOrigins(trx, parts.holder)).all];
  if (!origins.includes(request.origin)) return { told: because('origin'), why: `from ${request.origin}` };
  if (session.bound_address !== null && !isSameAddress(session.bound_address, request.clientAddress)) {
    return { told: because('address'), why: `from ${request.clientAddress}` };
  }
  if (!(await isEnabled(trx, session.user_id))) return { told: because('revoked') };
  if (session.state === 'Issued' && !(await isLoggedIn(trx, session.api_session_id)))
    return { told: because('logout') };
  if (machine === null || !hasConsole(machine)) return { told: because('machine') };
  const limit = await limitRefusal(trx, session);
  return limit === null ? null : { told: limit };
}

/** Addresses of IPv4 are also written as those of IPv6. */
export function isSameAddress(one: string, other: string): boolean {
  const plain = (address: string) => address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  return plain(one) === plain(other);
}

/** True while a user may call: it, its account and its domain are enabled. */
export async function isEnabled(trx: Trx, userId: string): Promise<boolean> {
  const row = await trx
    .selectFrom('cloud_user')
    .innerJoin('account', 'account.id', 'cloud_user.account_id')
    .innerJoin('domain', 'domain.id', 'account.domain_id')
    .select('cloud_user.id')
    .where('cloud_user.id', '=', userId)
    .where('cloud_user.state', '=', 'enabled')
    .where('account.state', '=', 'enabled')
    .where('domain.state', '=', 'Active')
    .executeTakeFirst();
  return row !== undefined;
}

async function isLoggedIn(trx: Trx, apiSessionId: string | null): Promise<boolean> {
  if (apiSessionId === null) return true;
  const row = await trx.selectFrom('session').select('id').where('id', '=', apiSessionId).executeTakeFirst();
  return row !== undefined;
}

/** Spends the ticket: the session is open, or whoever came has to choose, since somebody else has the console. */
async function claim(
  parts: ConsoleParts,
  trx: Trx,
  { proxy, session, machine, request }: Attempt & { readonly machine: ConsoleMachine },
): Promise<Decision> {
  const viewers = await otherViewers(trx, session);
  const taken = {
    request_id: request.id,
    system_vm_id: proxy.id,
    client_address: request.clientAddress,
    seen: new Date(),
    lost: null,
  };
  const mode = modeOf(session, viewers, request.plain);
  if (mode === null) {
    await trx
      .updateTable('console_session')
      .set({ ...taken, state: 'Choosing' })
      .where('id', '=', session.id)
      .execute();
    return { answer: { state: 'choose', session: session.id, viewers } };
  }
  await trx.updateTable('console_session').set(taken).where('id', '=', session.id).execute();
  return { opened: await openedNow(parts, trx, { session, machine, mode }) };
}

/** Null: a person has to choose. Who comes back has the mode that it had, unless somebody took over meanwhile. */
function modeOf(
  session: ConsoleSession,
  viewers: readonly { readonly mode: ConsoleMode }[],
  isPlain: boolean,
): ConsoleMode | null {
  if (session.state === 'Open') {
    return viewers.some(({ mode }) => mode === 'control') ? 'watch' : (session.mode ?? 'control');
  }
  return viewers.length === 0 || isPlain ? 'control' : null;
}
