// What the commands that work on one system VM have in common.
import { checkSystemVmAction, type RouterAction } from '../../model/virtual-machine.ts';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { p } from '../parameter.ts';
import { systemVmResponseFields } from './response.ts';

/** Spread into a declaration. */
export const systemVmJob = {
  roles: ['Admin'],
  responseKey: 'systemvm',
  responseFields: systemVmResponseFields,
  instanceType: 'SystemVm',
  creates: false,
} as const;

export const systemVmParameter = p.entity('system_vm').required('The system VM');

/** Locks a system VM until the transaction ends, and checks that its state lets the action happen. Throws 431. */
export async function lockSystemVm(db: Trx, id: string, action: RouterAction): Promise<EntityRow<'system_vm'>> {
  const row = await db.selectFrom('system_vm').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
  if (row === undefined) throw parameterError('id', id, 'the id of a system VM');
  checkSystemVmAction(action, row);
  return row;
}
