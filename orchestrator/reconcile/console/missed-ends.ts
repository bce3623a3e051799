// Grants of sessions that ended while no orchestrator heard of it: a proxy is told by its next report, and one that was taken
// over heeds nothing, so that the hosts have to know.
import { sql } from 'kysely';
import type { ConsoleParts } from './console-parts.ts';

/** How far back, in hours, and how many at most, the newest. */
const [pastHours, mostSessions] = [24, 2_000];

/** Takes back what was granted for them at the hosts of their machines, which ends the streams there. Never throws. */
export async function revokeMissedEnds({ db, hosts, log }: Pick<ConsoleParts, 'db' | 'hosts' | 'log'>): Promise<void> {
  try {
    const ended = await db
      .selectFrom('console_session')
      .select(['id', 'host_id'])
      .where('state', '=', 'Ended')
      .where('acquired', 'is not', null)
      .where('host_id', 'is not', null)
      .where('ended', '>', sql<Date>`now() - make_interval(hours => ${pastHours})`)
      .orderBy('ended', 'desc')
      .limit(mostSessions)
      .execute();
    const byHost = Map.groupBy(ended, ({ host_id: host }) => host ?? '');
    await Promise.all([...byHost].map(([host, sessions]) => revokeAt({ hosts, log }, host, sessions)));
  } catch (error) {
    log.warn('grants of consoles that have ended are not looked for', { error: String(error) });
  }
}

/** A host that does not answer is not asked for the rest: its streams ended with its host agent, or it is heard of again. */
async function revokeAt(
  { hosts, log }: Pick<ConsoleParts, 'hosts' | 'log'>,
  host: string,
  sessions: readonly { readonly id: string }[],
): Promise<void> {
  try {
    for (const { id } of sessions) await hosts.end(host, (client) => client.revokeConsole(id));
  } catch (error) {
    log.warn('grants of consoles that have ended are not taken back', { host, error: String(error) });
  }
}
