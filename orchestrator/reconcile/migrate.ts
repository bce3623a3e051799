// Machines moved from a host that lives to another one.
import type { MigrationDestination } from '@isthmus/contract';
import type { Selectable } from 'kysely';
import { parseHostUrl } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import type { HostTable, VirtualMachineTable } from '../store/schema.ts';
import { chooseInstanceHost, placeInstance } from './allocate.ts';
import { migrate } from './appliance.ts';
import { onHost } from './hosts.ts';
import type { Parts } from './parts.ts';
import { reachedHost, runsOn } from './reached-host.ts';
import { routersOf } from './router-appliances.ts';
import { exportState } from './router-start.ts';
import { bringUp, instanceSpec } from './virtual-machine.ts';

type Host = Selectable<HostTable>;
type VirtualMachine = Selectable<VirtualMachineTable>;

function wishesOf(from: string | null, hostId: string | null) {
  return { ...(from !== null && { awayFrom: from }), ...(hostId !== null && { hostId }) };
}

/**
 * Moves a router: its state is written down, it ends on its host, and it starts on the other, which takes its leases
 * over. Where no host can take it, it stays untouched.
 */
export async function migrateRouter(parts: Parts, id: string, hostId: string | null): Promise<void> {
  await migrate(routersOf(parts), id, hostId, async (router) => {
    const handover = (await exportState(parts, router)) ?? router.handover;
    await parts.db
      .updateTable('router')
      .set({ handover: handover === null ? null : JSON.stringify(handover) })
      .where('id', '=', id)
      .execute();
  });
}

/** Moves a running instance: a VM with its memory and disk while it runs, a namespace by a new start. */
export async function migrateVirtualMachine(parts: Parts, id: string, hostId: string | null): Promise<void> {
  const { db } = parts;
  const machine = await db.selectFrom('virtual_machine').selectAll().where('id', '=', id).executeTakeFirst();
  if (machine === undefined || machine.host_id === null || machine.host_id === hostId) return;
  const from = await hostRow(parts, machine.host_id);
  const reached = machine.state === 'Migrating' ? await reachedHost(parts, machine) : null;
  const chosen = reached ?? (await chooseInstanceHost(parts, machine, wishesOf(from.id, hostId))).id;
  const to = await hostRow(parts, chosen);
  await db.updateTable('virtual_machine').set({ state: 'Migrating' }).where('id', '=', id).execute();
  try {
    if (from.driver === 'libvirt') await migrateLive(parts, machine, from, to);
    else await startElsewhere(parts, machine, from, to);
  } finally {
    await db
      .updateTable('virtual_machine')
      .set({ state: 'Running' })
      .where('id', '=', id)
      .where('state', '=', 'Migrating')
      .execute();
  }
}

function hostRow(parts: Parts, id: string): Promise<Host> {
  return parts.db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
}

async function startElsewhere(parts: Parts, machine: VirtualMachine, from: Host, to: Host): Promise<void> {
  await parts.hosts.end(from.id, (client) => client.deleteInstance(machine.id));
  await bringUp(parts, await placeInstance(parts, machine, wishesOf(from.id, to.id)));
}

async function migrateLive(parts: Parts, machine: VirtualMachine, from: Host, to: Host): Promise<void> {
  const { id } = machine;
  const destination = destinationOf(from, to);
  const [source, target] = [parts.hosts.at(from.url, from.id), parts.hosts.at(to.url, to.id)];
  // The images that its disk is an overlay of come first.
  const spec = await instanceSpec(parts, machine, to.id);
  await onHost(async () => {
    try {
      // After a crash it may be there already.
      if (!(await runsOn(target, id))) {
        await target.announceInstance(id, { from: from.id, spec });
        await source.migrateInstance(id, { destination });
      }
    } catch (error) {
      // Where it runs there it has moved, whatever became of the answer.
      await target.concludeMigration(id).catch(() => undefined);
      if (!(await runsOn(target, id).catch(() => false))) throw error;
    }
    await parts.db.updateTable('virtual_machine').set({ host_id: to.id }).where('id', '=', id).execute();
    await target.putInstance(id, spec);
    await source.deleteInstance(id);
  });
}

/** Where the agent of a host is reached by another host. Throws 431 where hosts do not reach each other. */
function destinationOf(from: Host, to: Host): MigrationDestination {
  for (const { name, url } of [from, to]) {
    if (url.startsWith('https:')) continue;
    throw new ApiError(
      'parameter',
      `Host ${name} has the URL ${url}: expected hosts that joined by token, with https:`,
    );
  }
  const { host: address, port } = parseHostUrl(to.url);
  return { hostId: to.id, address, port };
}
