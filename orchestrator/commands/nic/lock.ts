import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { lockNetwork } from '../network/lock.ts';

/** An instance, one of its NICs and that one's network, locked until the transaction ends. */
export interface LockedNic {
  readonly machine: EntityRow<'virtual_machine'>;
  readonly nic: EntityRow<'nic'>;
  readonly network: EntityRow<'network'>;
}

/**
 * Locks an instance in one of these states. Throws 431 for `parameter` in any other.
 */
export async function lockMachineIn(
  db: Trx,
  parameter: string,
  id: string,
  states: readonly EntityRow<'virtual_machine'>['state'][],
): Promise<EntityRow<'virtual_machine'>> {
  const machine = await db
    .selectFrom('virtual_machine')
    .selectAll()
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (machine === undefined || !states.includes(machine.state)) {
    const state = machine === undefined ? 'gone' : `in state ${machine.state}`;
    throw parameterError(parameter, id, `an instance in state ${states.join(' or ')}; it is ${state}`);
  }
  return machine;
}

/** Throws 431 for a NIC whose removal has begun. The caller has locked its instance. */
export function refuseLeaving(parameter: string, nic: Pick<EntityRow<'nic'>, 'id' | 'is_leaving'>): void {
  if (nic.is_leaving) throw parameterError(parameter, nic.id, 'a NIC that removeNicFromVirtualMachine does not remove');
}

/** Locks what changes with a NIC, which `parameter` names: the network first, as everywhere. Throws 431. */
export async function lockNic(
  db: Trx,
  nic: EntityRow<'nic'>,
  states: readonly EntityRow<'virtual_machine'>['state'][],
  parameter = 'nicid',
): Promise<LockedNic> {
  const network = await lockNetwork(db, nic.network_id);
  const machine = await lockMachineIn(db, parameter, nic.virtual_machine_id, states);
  const current = await db.selectFrom('nic').selectAll().where('id', '=', nic.id).executeTakeFirst();
  if (current === undefined) throw parameterError(parameter, nic.id, 'a NIC that is there');
  return { machine, nic: current, network };
}
