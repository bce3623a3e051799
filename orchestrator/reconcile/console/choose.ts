// A viewer chooses: to watch or to take over, when it comes and later.
import type { ConsoleAnswer, ConsoleRequest } from '@isthmus/contract';
import { isUuid } from '../../model/uuid.ts';
import type { Trx } from '../../store/database.ts';
import { transaction } from '../../store/transaction.ts';
import { type ConsoleParts, type ConsoleSession, reasonMessages } from './console-parts.ts';
import { lockConsoles } from './lock-consoles.ts';
import { consoleMachine, hasConsole } from './machine.ts';
import { endSession, type Opened, openConsole, openedBefore, openedNow } from './open.ts';
import type { AskingProxy } from './redeem.ts';
import { newSecret } from './secrets.ts';
import { otherViewers, takeControl } from './viewers.ts';

export type ChooseRequest = Extract<ConsoleRequest, { readonly kind: 'choose' }>;
type Decision = { readonly answer: ConsoleAnswer } | { readonly opened: Opened };

/** Answers a proxy's request: of a session that waits, its opening; of one that is open, its mode and viewers alone count. */
export async function choose(parts: ConsoleParts, proxy: AskingProxy, request: ChooseRequest): Promise<ConsoleAnswer> {
  const decision = await transaction(parts.db, (trx) => decide(parts, trx, proxy, request));
  return 'answer' in decision ? decision.answer : openConsole(parts, proxy, decision.opened);
}

function refused(reason: 'ticket' | 'machine'): Decision {
  return { answer: { state: 'refused', reason, message: reasonMessages[reason] } };
}

async function decide(parts: ConsoleParts, trx: Trx, proxy: AskingProxy, request: ChooseRequest): Promise<Decision> {
  const bySession = trx.selectFrom('console_session').where('id', '=', request.session);
  const found = isUuid(request.session)
    ? await bySession.select(['user_id', 'target_id']).executeTakeFirst()
    : undefined;
  if (found !== undefined) await lockConsoles(trx, found);
  const session = found === undefined ? undefined : await bySession.selectAll().forUpdate().executeTakeFirst();
  if (session === undefined || session.system_vm_id !== proxy.id || !['Choosing', 'Open'].includes(session.state)) {
    parts.log.warn('a choice is refused', { proxy: proxy.id, session: session?.id ?? null, reason: 'ticket' });
    return refused('ticket');
  }
  if (session.state === 'Open' && session.request_id !== request.id) return changeMode(trx, session, request);
  const machine = await consoleMachine(trx, { kind: session.target_kind, id: session.target_id });
  if (machine === null || !hasConsole(machine)) {
    await endSession(trx, session.id, 'machine');
    return refused('machine');
  }
  if (session.state === 'Open') {
    const opened = openedBefore(parts, session, machine);
    return opened === null ? refused('ticket') : { opened };
  }
  await trx
    .updateTable('console_session')
    .set({ request_id: request.id, seen: new Date() })
    .where('id', '=', session.id)
    .execute();
  return { opened: await openedNow(parts, trx, { session, machine, mode: request.mode }) };
}

/** The stream and the page's token stay as they are: the secrets of the answer open nothing. */
async function changeMode(trx: Trx, session: ConsoleSession, { mode }: ChooseRequest): Promise<Decision> {
  if (mode === 'control') await takeControl(trx, session);
  await trx.updateTable('console_session').set({ mode }).where('id', '=', session.id).execute();
  const machine = await consoleMachine(trx, { kind: session.target_kind, id: session.target_id });
  return {
    answer: {
      state: 'open',
      session: session.id,
      machine: machine?.name ?? '',
      console: session.console,
      mode,
      viewers: await otherViewers(trx, session),
      resume: newSecret(),
      target: { kind: 'door', id: session.id, secret: newSecret() },
      security: { types: ['None'] },
    },
  };
}
