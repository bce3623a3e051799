// What ends sessions by time alone, and by silence.
import { sql } from 'kysely';
import type { ConsoleParts } from './console-parts.ts';

/** A proxy that reports, and did not report a session for so long, does not have it any more. */
const silentSeconds = 15;
/** A person chooses within this time. */
const choosingSeconds = 600;

/**
 * One round, which any number of orchestrators may do at once. Sessions of a proxy that does not report are left alone: it
 * may go on serving while no orchestrator is there; once its row says that it does not run, they are lost.
 */
export async function expireSessions({ db, setting }: Pick<ConsoleParts, 'db' | 'setting'>): Promise<void> {
  await sql`
    update console_session set state = 'Ended', end_reason = 'ticket', ended = now()
      where state <> 'Ended' and state = 'Issued' and ticket_expires < now()`.execute(db);
  await sql`
    update console_session set state = 'Ended', end_reason = 'closed', ended = now()
      where state <> 'Ended' and state = 'Choosing' and seen < now() - make_interval(secs => ${choosingSeconds})`.execute(
    db,
  );
  await sql`
    update console_session set lost = console_session.seen, system_vm_id = null
      from system_vm
      where console_session.state <> 'Ended' and console_session.state = 'Open' and system_vm.id = system_vm_id
        and system_vm.reported > now() - interval '10 seconds'
        and seen < system_vm.reported - make_interval(secs => ${silentSeconds})`.execute(db);
  const wait = Number(await setting('console.resume.wait'));
  await sql`
    update console_session set state = 'Ended', end_reason = 'closed', ended = now()
      where state <> 'Ended' and state = 'Open' and lost < now() - make_interval(secs => ${wait})
        and (ticket_expires is null or request_id is not null or ticket_expires < now())`.execute(db);
  const limit = Number(await setting('console.session.limit'));
  if (limit === 0) return;
  await sql`
    update console_session set state = 'Ended', end_reason = 'absolute', ended = now()
      where state <> 'Ended' and state = 'Open' and acquired < now() - make_interval(secs => ${limit})`.execute(db);
}
