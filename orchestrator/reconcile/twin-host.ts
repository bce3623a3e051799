// One host agent behind two rows, as one socket by two paths or one machine by two addresses, would be told by each row to
// remove what the other one has.
import type { HostReport } from '@isthmus/contract';
import type { Parts } from './parts.ts';

/** A host agent that is there answers within this time. */
const askMs = 2_000;

function isSameProcess(one: HostReport, other: HostReport): boolean {
  return one.bootId === other.bootId && one.pid === other.pid && one.hostname === other.hostname;
}

/** Name of another host whose agent is the one that gave `report`; null where there is none that answers. */
export async function twinOf(
  parts: Pick<Parts, 'db' | 'hosts'>,
  report: HostReport,
  hostId: string | null,
): Promise<string | null> {
  const rows = await parts.db
    .selectFrom('host')
    .select(['id', 'url', 'name'])
    .where('state', '<>', 'Connecting')
    .where(({ or, eb }) => or([eb('boot_id', '=', report.bootId), eb('boot_id', 'is', null)]))
    .execute();
  const others = rows.filter(({ id }) => id !== hostId);
  const reports = await Promise.all(others.map((host) => parts.hosts.ask(host, askMs)));
  const index = reports.findIndex((each) => each !== null && isSameProcess(each, report));
  return others[index]?.name ?? null;
}
