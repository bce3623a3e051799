// Commands that take a router as well as a system VM.
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';

/** What an id names: CloudStack counts routers among system VMs. */
export type NamedAppliance =
  | { readonly kind: 'router'; readonly row: EntityRow<'router'> }
  | { readonly kind: 'system-vm'; readonly row: EntityRow<'system_vm'> };

/** The router or system VM of that id, locked until the transaction ends; null where there is none any more. */
export async function findAppliance(db: Trx, id: string): Promise<NamedAppliance | null> {
  const router = await db.selectFrom('router').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
  if (router !== undefined) return { kind: 'router', row: router };
  const vm = await db.selectFrom('system_vm').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
  return vm === undefined ? null : { kind: 'system-vm', row: vm };
}

/** As `findAppliance`; throws 431 where there is none. */
export async function applianceOf(db: Trx, parameter: string, id: string): Promise<NamedAppliance> {
  const found = await findAppliance(db, id);
  if (found === null) throw parameterError(parameter, id, 'the id of a router or a system VM');
  return found;
}
