import { checkRouterAction, type RouterAction } from '../../model/virtual-machine.ts';
import type { Trx } from '../../store/database.ts';
import { parameterError } from '../errors.ts';

/** Locks a router until the transaction ends, and checks that its state lets the action happen. Throws 431. */
export async function lockForAction(db: Trx, id: string, action: RouterAction): Promise<{ id: string }> {
  const row = await db.selectFrom('router').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
  if (row === undefined) throw parameterError('id', id, 'the id of a router');
  checkRouterAction(action, row);
  return { id };
}
