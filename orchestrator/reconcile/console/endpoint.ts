// createConsoleEndpoint: a ticket for a console, and where to go with it.
import { consoleSocketPath } from '@isthmus/contract';
import { sql } from 'kysely';
import type {
  ConsoleEndpoint,
  ConsoleRequestOfUser,
  ConsoleSessionOrchestration,
} from '../../model/console-orchestration.ts';
import { consoleOrigins } from '../../store/console-origin.ts';
import type { ReachableConsoleProxy } from '../../store/console-proxy.ts';
import type { Trx } from '../../store/database.ts';
import type { ConsoleParts } from './console-parts.ts';
import { limitRefusal } from './limits.ts';
import { type ConsoleMachine, consoleMachine, hasConsole } from './machine.ts';
import { chooseProxy } from './proxies.ts';
import { hashOf, newSecret } from './secrets.ts';

type Made = Awaited<ReturnType<ConsoleSessionOrchestration['createConsoleEndpoint']>>;

/** Tickets that wait to be redeemed, of one user, for each console that the user may have open. */
const ticketsPerConsole = 5;
/** A zone's lack of a proxy is written down so often. */
const lackEverySeconds = 5;

/** A ticket, or why there is none. Does not tell who may see the machine: that is the command's to check. */
export async function createConsoleEndpoint(parts: ConsoleParts, request: ConsoleRequestOfUser): Promise<Made> {
  const machine = await consoleMachine(parts.db, request.target);
  const refused = machine === null ? 'The machine is gone.' : await refusalOf(parts, machine, request);
  if (machine === null || refused !== null) return refuse(parts, request, refused ?? '');
  const proxy = await chooseProxy(parts, parts.db, { zoneId: machine.zoneId, targetId: machine.id });
  if (proxy === null) {
    await noteLack(parts, machine, request);
    return refuse(parts, request, await lackMessage(parts));
  }
  const { page } = await consoleOrigins(parts.db, parts.holder);
  if (page === null) return refuse(parts, request, 'No orchestrator serves the page of consoles yet: try again.');
  const most = Number(await parts.setting('console.sessions.per.user')) * ticketsPerConsole;
  const endpoint = await issue(parts, { machine, request, proxy, page, most });
  if (endpoint !== null) return { endpoint };
  return refuse(parts, request, `${most} consoles were asked for and not opened: wait a moment.`);
}

function refuse({ log }: ConsoleParts, { userId, target }: ConsoleRequestOfUser, refused: string): Made {
  log.info('no console ticket is given', { user: userId, machine: target.id, reason: refused });
  return { refused };
}

async function refusalOf(
  parts: ConsoleParts,
  machine: ConsoleMachine,
  request: ConsoleRequestOfUser,
): Promise<string | null> {
  const { console, userId, extra } = request;
  if (!hasConsole(machine)) return `${machine.name} is ${machine.state}: expected it to be Running.`;
  if (machine.consoles.length === 0) return `${machine.name} is a network namespace of its host, and has no console.`;
  if (console !== undefined && !machine.consoles.includes(console)) {
    return `${machine.name} has no screen: its console is ${machine.consoles.join(', ')}.`;
  }
  const demandsExtra = await parts.setting('consoleproxy.extra.security.validation.enabled');
  if (demandsExtra.toLowerCase() === 'true' && extra === undefined) {
    return 'Parameter token: expected a text of your own, to be shown again when the console opens.';
  }
  const limit = await limitRefusal(parts.db, { user_id: userId, target_id: machine.id });
  return limit?.message ?? null;
}

async function lackMessage({ setting }: ConsoleParts): Promise<string> {
  return Number(await setting('consoleproxy.launch.max')) === 0
    ? 'No console proxies are to run here (setting consoleproxy.launch.max).'
    : 'A console proxy is being started: try again in a moment.';
}

/** A row of a session that never was: what decides over proxies sees that one is missing. */
async function noteLack(parts: ConsoleParts, machine: ConsoleMachine, request: ConsoleRequestOfUser): Promise<void> {
  const known = await parts.db
    .selectFrom('console_session')
    .select('id')
    .where('zone_id', '=', machine.zoneId)
    .where('end_reason', '=', 'unavailable')
    .where('acquired', 'is', null)
    .where('created', '>', new Date(Date.now() - lackEverySeconds * 1000))
    .limit(1)
    .executeTakeFirst();
  if (known !== undefined) return;
  await parts.db
    .insertInto('console_session')
    .values({
      ...(await identityOf(parts, machine, request)),
      origin: '',
      state: 'Ended',
      end_reason: 'unavailable',
      ended: new Date(),
    })
    .execute();
}

async function identityOf(parts: ConsoleParts, machine: ConsoleMachine, request: ConsoleRequestOfUser) {
  const isBound = (await parts.setting('novnc.console.sourceip.check.enabled')).toLowerCase() === 'true';
  return {
    zone_id: machine.zoneId,
    target_kind: machine.kind,
    target_id: machine.id,
    console: request.console ?? machine.consoles[0] ?? 'serial',
    account_id: request.accountId,
    domain_id: request.domainId,
    user_id: request.userId,
    api_session_id: request.apiSessionId,
    creator_address: request.clientAddress,
    bound_address: isBound ? request.clientAddress : null,
    extra_hash: request.extra === undefined ? null : hashOf(request.extra),
  };
}

interface Issue {
  readonly machine: ConsoleMachine;
  readonly request: ConsoleRequestOfUser;
  readonly proxy: ReachableConsoleProxy;
  readonly page: string;
  /** Tickets of the user that may wait at once. */
  readonly most: number;
}

/** Of the advisory lock of a user's tickets: they are counted and given one at a time. */
const ticketLock = 0x1577;

async function countWaiting(trx: Trx, userId: string): Promise<number> {
  await sql`select pg_advisory_xact_lock(${ticketLock}, hashtext(${userId}))`.execute(trx);
  const { count } = await trx
    .selectFrom('console_session')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('user_id', '=', userId)
    .where('state', '=', 'Issued')
    .where('ticket_expires', '>', new Date())
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Null: too many of the user's tickets wait. */

async function issue(
  parts: ConsoleParts,
  { machine, request, proxy, page, most }: Issue,
): Promise<ConsoleEndpoint | null> {
  const ticket = newSecret();
  const lifetimeMs = Number(await parts.setting('console.ticket.lifetime')) * 1000;
  const identity = await identityOf(parts, machine, request);
  const row = await parts.db.transaction().execute(async (trx) => {
    if ((await countWaiting(trx, request.userId)) >= most) return undefined;
    const ticket_expires = new Date(Date.now() + lifetimeMs);
    const values = { ...identity, origin: page, state: 'Issued' as const, ticket_hash: hashOf(ticket), ticket_expires };
    return trx.insertInto('console_session').values(values).returning('id').executeTakeFirstOrThrow();
  });
  if (row === undefined) return null;
  const { id } = row;
  parts.log.info('a console ticket is given', { session: id, user: request.userId, machine: machine.id });
  const { hostname, port, protocol } = new URL(proxy.socket);
  const usualPort = protocol === 'wss:' ? 443 : 80;
  return {
    session: id,
    ticket,
    url: `${page}/console/${machine.zoneId}#ticket=${ticket}&proxy=${proxy.id}`,
    socket: { host: hostname, port: port === '' ? usualPort : Number(port), path: consoleSocketPath.slice(1) },
  };
}
