// Appliances started, healed, moved, stopped and ended: what is the same of routers and system VMs.

import type { Lease } from '../store/lease.ts';
import { ApplianceBootError, bootAppliance } from './appliance-boot.ts';
import { type ApplianceRow, type Appliances, unknownToHost } from './appliance-kind.ts';
import { onHost } from './hosts.ts';

/** Works on an appliance while nobody else does. No work where it is gone. */
export async function withAppliance<Row extends ApplianceRow>(
  all: Appliances<Row>,
  id: string,
  work: (row: Row, lease: Lease) => Promise<void>,
): Promise<void> {
  const key = await all.lockedBy(id);
  if (key === undefined) return;
  await all.lock.hold(key, async (lease) => {
    const row = await all.row(id);
    if (row !== undefined) await work(row, lease);
  });
}

/**
 * Makes and starts an appliance on its host, and waits until it serves its document. No work where it does already. A
 * machine that does not come up is tried once more on another host. `before`: what it was until it was found not to answer.
 */
export async function startOf<Row extends ApplianceRow>(
  all: Appliances<Row>,
  row: Row,
  lease: Lease,
  before = row.state,
): Promise<void> {
  if (row.state !== 'Running') await all.change(row.id, { state: 'Starting', reason: null });
  try {
    const carried = await carry(all, await all.place(row, {}), lease);
    await all.bringUpToDate(carried, lease);
  } catch (error) {
    // One that runs serves on where its host cannot be reached. Called Error it would have rules stored for its next
    // start, that is: reported as in force when they are not.
    const state = before === 'Running' && !(error instanceof ApplianceBootError) ? 'Running' : 'Error';
    await all.change(row.id, { state, reason: reasonOf(error) });
    throw error;
  }
  await all.change(row.id, { state: 'Running', reason: null });
}

/** For an admin: also the last words of a machine that did not come up. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const tail = error instanceof ApplianceBootError ? error.serialConsole.trim() : '';
  return tail === '' ? message : `${message}\nThe last lines of its serial console:\n${tail}`;
}

/** The appliance running on its host, or on another where it does not come up there; the row as it is then. */
export async function carry<Row extends ApplianceRow>(all: Appliances<Row>, row: Row, lease: Lease): Promise<Row> {
  try {
    await put(all, row, lease);
    return row;
  } catch (error) {
    if (!(error instanceof ApplianceBootError) || all.parts.ending.aborted) throw error;
    all.parts.log.warn(`a ${all.noun} does not come up; trying another host`, { name: row.name, error: error.message });
    const moved = await placeElsewhere(all, row);
    if (moved === null) throw error;
    await put(all, moved, lease);
    return moved;
  }
}

async function put<Row extends ApplianceRow>(all: Appliances<Row>, row: Row, lease: Lease): Promise<void> {
  const spec = await all.spec(row);
  if (await all.hasOwnAgent(row)) return bootAppliance(all, row, spec, lease);
  await onHost(async () => {
    const client = await all.parts.hosts.client(row.host_id);
    await client.putAppliance(row.id, { kind: all.kind, ...spec });
    await client.powerAppliance(row.id, 'start');
  });
}

/**
 * The row on another host; null where no other can take it, or its end on the first is not confirmed: it is placed
 * elsewhere only when it is known not to run.
 */
async function placeElsewhere<Row extends ApplianceRow>(all: Appliances<Row>, row: Row): Promise<Row | null> {
  const { id, host_id: failed } = row;
  if (failed === null) return null;
  try {
    return await all.place(row, { awayFrom: failed, beforeMove: () => endAppliance(all, row) });
  } catch (error) {
    all.parts.log.warn(`no other host takes the ${all.noun}`, { name: row.name, error: String(error) });
    return null;
  } finally {
    all.parts.agents.forget(id);
  }
}

/** Ends it on its host and everything that it could prove itself with. Throws 534 where that is not confirmed. */
export async function endAppliance<Row extends ApplianceRow>(
  all: Pick<Appliances<Row>, 'parts' | 'lastWords'>,
  row: Row,
): Promise<void> {
  const { agents, certificates, hosts } = all.parts;
  await all.lastWords(row);
  await hosts.end(row.host_id, (client) => client.deleteAppliance(row.id));
  agents.forget(row.id);
  await certificates.revoke({ role: 'appliance', id: row.id });
}

/** Starts it again where it should run, unless it was stopped since. */
export async function revive<Row extends ApplianceRow>(all: Appliances<Row>, id: string): Promise<void> {
  await withAppliance(all, id, async (row, lease) => {
    if (!['Running', 'Starting', 'Error'].includes(row.state)) return;
    // A machine that is being started again is seen as such; a router in a namespace is back at once.
    const isStarting = (await all.hasOwnAgent(row)) && !(await answers(all, row));
    await startOf(all, isStarting ? { ...row, state: 'Starting' } : row, lease, row.state);
  });
}

async function answers<Row extends ApplianceRow>({ parts }: Appliances<Row>, row: Row): Promise<boolean> {
  try {
    await parts.agents.inside(row).status();
    return true;
  } catch {
    return false;
  }
}

/** Starts what a fenced host carried elsewhere, unless it has left that host already. */
export async function reviveOf<Row extends ApplianceRow>(
  all: Appliances<Row>,
  id: string,
  fencedHostId: string,
): Promise<void> {
  await withAppliance(all, id, async (row, lease) => {
    if (row.host_id !== fencedHostId) return;
    if (row.state === 'Stopping') await all.change(id, { state: 'Stopped', reason: null });
    // Not Running any more, whatever becomes of its start: a rule that waits for it is only stored until then.
    else if (row.state !== 'Stopped') await startOf(all, { ...row, state: 'Starting' }, lease);
  });
}

/** Takes it off a host that is about to be removed, and starts it elsewhere where it should run. */
export async function takeApplianceOff<Row extends ApplianceRow>(
  all: Appliances<Row>,
  id: string,
  host: { readonly id: string },
): Promise<void> {
  await withAppliance(all, id, async (row, lease) => {
    if (row.host_id !== host.id) return;
    await endAppliance(all, row);
    const left = await all.change(id, { host_id: null, ...unknownToHost });
    if (row.state === 'Stopped' || row.state === 'Stopping') {
      await all.change(id, { state: 'Stopped', reason: null });
      return;
    }
    try {
      await startOf(all, { ...left, state: 'Starting' }, lease);
    } catch (error) {
      all.parts.log.warn(`a ${all.noun} of a removed host could not be started elsewhere`, { name: left.name, error });
    }
  });
}

/** Stops it. `forced`: it counts as stopped even where its host does not answer. */
export async function stop<Row extends ApplianceRow>(all: Appliances<Row>, id: string, forced: boolean): Promise<void> {
  await withAppliance(all, id, async (row) => {
    await all.lastWords(row);
    await all.change(id, { state: 'Stopping', reason: null });
    try {
      await all.parts.hosts.end(row.host_id, (client) => client.powerAppliance(id, 'stop'));
    } catch (error) {
      if (!forced) {
        await all.change(id, { state: row.state, reason: row.reason });
        throw error;
      }
    }
    all.parts.agents.forget(id);
    await all.change(id, { state: 'Stopped', reason: null });
  });
}

/** Stops what serves in it and starts it again from its last document. */
export async function reboot<Row extends ApplianceRow>(all: Appliances<Row>, id: string): Promise<void> {
  await withAppliance(all, id, async (row, lease) => {
    await all.lastWords(row);
    await all.change(id, { state: 'Starting', reason: null });
    await onHost(async () => (await all.parts.hosts.client(row.host_id)).powerAppliance(id, 'reboot'));
    all.parts.agents.forget(id);
    await startOf(all, { ...row, state: 'Starting' }, lease);
  });
}

/** Stops its machine, where it runs, and starts it as its row now says that it is made. */
export async function restart<Row extends ApplianceRow>(all: Appliances<Row>, id: string): Promise<void> {
  await withAppliance(all, id, async (row, lease) => {
    if (!['Running', 'Starting', 'Error'].includes(row.state)) return;
    await all.lastWords(row);
    await all.change(id, { state: 'Starting', reason: null });
    await all.parts.hosts.end(row.host_id, (client) => client.powerAppliance(id, 'stop'));
    all.parts.agents.forget(id);
    await startOf(all, { ...row, state: 'Starting' }, lease);
  });
}

/** Gone with its row. */
export async function destroy<Row extends ApplianceRow>(all: Appliances<Row>, id: string): Promise<void> {
  await withAppliance(all, id, async (row) => {
    await endAppliance(all, row);
    await all.remove(row);
  });
}

/**
 * Moves it to a host, or to one that is chosen: it ends on its own, and starts on the other. Where no host can take it,
 * it stays untouched. `before`: called under the lock, and answers with the row to move.
 */
export async function migrate<Row extends ApplianceRow>(
  all: Appliances<Row>,
  id: string,
  hostId: string | null,
  before: (row: Row) => Promise<void> = async () => undefined,
): Promise<void> {
  await withAppliance(all, id, async (row, lease) => {
    const from = row.host_id;
    if (from === hostId && from !== null) return;
    await before(row);
    const wishes = { ...(from !== null && { awayFrom: from }), ...(hostId !== null && { hostId }) };
    // It ends before the row says that it is elsewhere: until then, whoever finds it starts it here again.
    const placed = await all.place(row, { ...wishes, beforeMove: () => endAppliance(all, row) });
    if (row.state !== 'Stopped') await startOf(all, { ...placed, state: 'Starting' }, lease);
  });
}
