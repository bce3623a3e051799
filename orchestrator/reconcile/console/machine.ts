// The machines that consoles are of: instances, routers and system VMs, asked for alike.
import type { ConsoleKind } from '@isthmus/contract';
import { driverOfTemplate } from '../../model/template-driver.ts';
import type { Db, Trx } from '../../store/database.ts';
import type { ConsoleSession } from './console-parts.ts';

/** A machine as far as its consoles are concerned. */
export interface ConsoleMachine {
  readonly kind: ConsoleSession['target_kind'];
  readonly id: string;
  readonly name: string;
  readonly zoneId: string;
  readonly hostId: string | null;
  readonly state: string;
  /** The consoles that it has, the one that is meant by default first; none where a namespace is a router or system VM. */
  readonly consoles: readonly ConsoleKind[];
}

const [ofVirtualMachine, ofNamespaceInstance] = [['vnc', 'serial'], ['serial']] as const;

/** The machine; null where it is gone. */
export async function consoleMachine(
  db: Db | Trx,
  target: { readonly kind: ConsoleSession['target_kind']; readonly id: string },
): Promise<ConsoleMachine | null> {
  if (target.kind === 'instance') return instance(db, target.id);
  const row = await db
    .selectFrom(target.kind === 'router' ? 'router' : 'system_vm')
    .select(['id', 'name', 'zone_id', 'host_id', 'state'])
    .where('id', '=', target.id)
    .executeTakeFirst();
  if (row === undefined) return null;
  const host = await db.selectFrom('host').select('driver').where('id', '=', row.host_id).executeTakeFirst();
  const consoles = host?.driver === 'libvirt' ? ofVirtualMachine : [];
  return { ...target, name: row.name, zoneId: row.zone_id, hostId: row.host_id, state: row.state, consoles };
}

async function instance(db: Db | Trx, id: string): Promise<ConsoleMachine | null> {
  const row = await db
    .selectFrom('virtual_machine')
    .innerJoin('template', 'template.id', 'virtual_machine.template_id')
    .select(['virtual_machine.name', 'virtual_machine.zone_id', 'host_id', 'virtual_machine.state', 'template.url'])
    .where('virtual_machine.id', '=', id)
    .executeTakeFirst();
  if (row === undefined) return null;
  const consoles = driverOfTemplate(row) === 'libvirt' ? ofVirtualMachine : ofNamespaceInstance;
  return { kind: 'instance', id, name: row.name, zoneId: row.zone_id, hostId: row.host_id, state: row.state, consoles };
}

/** True while a machine has a console: also while its guest shuts down. */
export function hasConsole({ state, hostId }: ConsoleMachine): boolean {
  return hostId !== null && (state === 'Running' || state === 'Stopping');
}

/** True while a page that comes back has to wait: the machine moves or starts, or what becomes of it is not known yet. */
export function isOnItsWay({ state }: ConsoleMachine): boolean {
  return state === 'Migrating' || state === 'Starting' || state === 'Stopping';
}
