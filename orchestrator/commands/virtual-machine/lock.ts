import { checkVirtualMachineAction, type VirtualMachineAction } from '../../model/virtual-machine.ts';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';

/** Locks an instance until the transaction ends, and checks that its state lets the action happen. Throws 431. */
export async function lockForAction(
  db: Trx,
  id: string,
  action: VirtualMachineAction,
): Promise<EntityRow<'virtual_machine'>> {
  const row = await db
    .selectFrom('virtual_machine')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (row === undefined) throw parameterError('id', id, 'the id of a virtual machine');
  checkVirtualMachineAction(action, row);
  return row;
}
