// Of which machine a console is asked for. Not an entity parameter: a machine that is not there and one that is another's
// are told apart by nobody, and the answer is no error (CloudStack: `success` false).
import type { ConsoleRequestOfUser } from '../../model/console-orchestration.ts';
import { findWithinReach } from '../access.ts';
import type { CommandContext } from '../declaration.ts';

const kinds = { virtual_machine: 'instance', router: 'router', system_vm: 'system-vm' } as const;

/** The machine within the caller's reach that has the id: an instance, for root admins also a router or a system VM. */
export async function consoleTarget(
  { db, caller }: Pick<CommandContext, 'db' | 'caller'>,
  id: string,
): Promise<ConsoleRequestOfUser['target'] | null> {
  const names =
    caller.role === 'Admin' ? (['virtual_machine', 'router', 'system_vm'] as const) : (['virtual_machine'] as const);
  const entity = await findWithinReach(db, caller, names, id);
  return entity === null ? null : { kind: kinds[entity], id };
}
