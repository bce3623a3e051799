// A host that is lost: its power-off is confirmed, then what it carried is started elsewhere, each machine once. Without
// a confirmation there is an alert, and nothing is started.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Selectable } from 'kysely';
import { IpmiError } from '../drivers/ipmi.ts';
import type { HostTable } from '../store/schema.ts';
import { alertHost, applianceMoved } from './alerts.ts';
import { reviveOf } from './appliance.ts';
import type { ApplianceRow, Appliances } from './appliance-kind.ts';
import { actOnPower, outOfBandOf } from './out-of-band.ts';
import type { Parts } from './parts.ts';
import { routersOf } from './router-appliances.ts';
import { systemVmsOf } from './system-vm/system-vms.ts';
import { moveOffFencedHost } from './virtual-machine.ts';

type Host = Selectable<HostTable>;

/** How long a machine may take from power-off to `off`. */
const offWithinMs = 20_000;
const askEveryMs = 250;
/** A host that is off does not answer; one that is not would within this time. */
const answerWithinMs = 1_000;

/** The power of a host is known to be off: by its controller, with `declareHostAsDegraded` by an admin. */
export async function fence(parts: Parts, host: Host): Promise<boolean> {
  const lost = await becomeDisconnected(parts, host);
  if (lost === null) return false;
  if (!(await isStillLost(parts, lost))) return false;
  const obstacle = await powerOff(parts, lost);
  if (obstacle !== null) {
    await raiseAlert(parts, lost, obstacle);
    return false;
  }
  return becomeDown(parts, lost);
}

async function becomeDisconnected(parts: Parts, host: Host): Promise<Host | null> {
  if (host.state !== 'Up') return host;
  parts.log.warn('host does not answer', { host: host.name });
  const lost = await parts.db
    .updateTable('host')
    .set({ state: 'Disconnected', disconnected_since: new Date() })
    .where('id', '=', host.id)
    .where('state', '=', 'Up')
    .returningAll()
    .executeTakeFirst();
  return lost ?? null;
}

/**
 * False where another orchestrator has taken it back, or an admin's word has made it Down: this one may have stood still,
 * and would switch off a host that serves.
 */
async function isStillLost(parts: Parts, { id, disconnected_since }: Host): Promise<boolean> {
  const now = await parts.db
    .selectFrom('host')
    .select('id')
    .where('id', '=', id)
    .where('state', 'in', ['Disconnected', 'Alert'])
    .where('disconnected_since', 'is not distinct from', disconnected_since)
    .executeTakeFirst();
  return now !== undefined;
}

/** Null: it is off. Else why that is not known. */
async function powerOff(parts: Parts, host: Host): Promise<string | null> {
  const row = await outOfBandOf(parts, host.id);
  if (row === undefined || !row.is_enabled) {
    return 'it has no out-of-band management that is enabled';
  }
  try {
    await actOnPower(parts, row, 'OFF');
    const deadline = performance.now() + offWithinMs;
    while ((await actOnPower(parts, row, 'STATUS')) !== 'Off') {
      if (performance.now() > deadline) return `its controller says that it is not off after ${offWithinMs / 1000} s`;
      await sleep(askEveryMs);
    }
  } catch (error) {
    if (error instanceof IpmiError) return error.message;
    throw error;
  }
  return (await parts.hosts.ask(host, answerWithinMs)) !== null
    ? 'it answers though its controller says that it is off: is it another host’s?'
    : null;
}

async function raiseAlert(parts: Parts, host: Host, obstacle: string): Promise<void> {
  const reason =
    `It does not answer, and its power-off is not confirmed: ${obstacle}. Nothing of it is started elsewhere. Make sure ` +
    'that it is off, then declareHostAsDegraded';
  const { numUpdatedRows } = await parts.db
    .updateTable('host')
    .set({ state: 'Alert', reason })
    .where('id', '=', host.id)
    .where('state', 'in', ['Disconnected', 'Alert'])
    .where(({ or, eb }) => or([eb('state', '<>', 'Alert'), eb('reason', 'is distinct from', reason)]))
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  parts.log.error('host is lost and could not be fenced', { host: host.name, obstacle });
  await alertHost(parts, host, reason, { type: 'ALERT.COMPUTE.HOST', level: 'ERROR' });
}

async function becomeDown(parts: Parts, host: Host): Promise<boolean> {
  const { numUpdatedRows } = await parts.db
    .updateTable('host')
    .set({ state: 'Down', fenced: new Date(), reason: null })
    .where('id', '=', host.id)
    .where('state', 'in', ['Disconnected', 'Alert'])
    // It may have answered meanwhile and gone again: then it is another loss, with a power-off of its own.
    .where('disconnected_since', 'is not distinct from', host.disconnected_since)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  parts.log.warn('host is fenced: its power is off', { host: host.name });
  await alertHost(parts, host, 'it is off: confirmed', { type: 'HOST.FENCE', level: 'WARN' });
  return true;
}

/** Machines of a lost host that are started elsewhere at a time. */
const startsAtOnce = 8;

/** Starts what a fenced host carried elsewhere. What finds no host stays on it, and is tried again at the next call. */
export async function evacuate(parts: Parts, host: Host): Promise<void> {
  const routers = await parts.db
    .selectFrom('router')
    .innerJoin('network', 'network.id', 'router.network_id')
    .select(['router.id', 'router.name', 'router.state', 'network.state as network_state'])
    .where('router.host_id', '=', host.id)
    .where('router.state', 'in', ['Running', 'Starting', 'Stopping', 'Error'])
    .execute();
  const systemVms = await parts.db
    .selectFrom('system_vm')
    .select(['id', 'name'])
    .where('host_id', '=', host.id)
    .where('state', 'in', ['Running', 'Starting', 'Stopping', 'Error'])
    .execute();
  const instances = await parts.db
    .selectFrom('virtual_machine')
    .select(['id', 'name'])
    .where('host_id', '=', host.id)
    .where('state', 'in', ['Running', 'Starting', 'Stopping', 'Migrating'])
    .execute();
  const work = [
    ...routers.map((router) => async () => {
      if (router.state === 'Error' && router.network_state !== 'Implemented') return;
      await attempt(parts, `router ${router.name}`, () => reviveElsewhere(routersOf(parts), router.id, host));
    }),
    ...systemVms.map((vm) => async () => {
      await attempt(parts, `system VM ${vm.name}`, () => reviveElsewhere(systemVmsOf(parts), vm.id, host));
    }),
    ...instances.map((machine) => async () => {
      await attempt(parts, `instance ${machine.name}`, () => moveOffFencedHost(parts, machine.id, host));
    }),
  ];
  await Promise.all(Array.from({ length: startsAtOnce }, (_, first) => everyNth(work, first)));
}

async function reviveElsewhere<Row extends ApplianceRow>(all: Appliances<Row>, id: string, host: Host): Promise<void> {
  await reviveOf(all, id, host.id);
  const moved = await all.row(id);
  if (moved === undefined || moved.state !== 'Running' || moved.host_id === host.id) return;
  await applianceMoved(all.parts, all.kind, moved, `started on another host, since host ${host.name} is off`);
}

async function everyNth(work: readonly (() => Promise<void>)[], first: number): Promise<void> {
  for (let index = first; index < work.length; index += startsAtOnce) await work[index]?.();
}

async function attempt(parts: Parts, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    parts.log.warn('what a fenced host carried could not be started elsewhere', { what, error: String(error) });
  }
}
