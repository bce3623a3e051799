// The end of an instance: what destroyVirtualMachine and expungeVirtualMachine share.
import type { Trx } from '../../store/database.ts';
import type { JobContext, ResponseObject } from '../declaration.ts';
import { revokeMembersOfMachine } from '../load-balancer/member-rows.ts';
import { revokeForwards } from '../port-forwarding/rule-rows.ts';
import { revokeStaticNats } from '../static-nat/revoke.ts';
import { presentVirtualMachine } from './response.ts';

/** Marks everything that leads to an instance as wanted gone. The caller has locked the instance. */
export async function revokeRulesOfMachine(db: Trx, machineId: string): Promise<void> {
  const forwards = await db
    .selectFrom('port_forwarding_rule')
    .selectAll()
    .where('virtual_machine_id', '=', machineId)
    .where('state', '<>', 'Revoke')
    .execute();
  await revokeForwards(db, forwards);
  await revokeMembersOfMachine(db, machineId);
  const addresses = await db
    .selectFrom('public_ip_address')
    .innerJoin('nic', 'nic.id', 'public_ip_address.static_nat_nic_id')
    .select(['public_ip_address.id', 'public_ip_address.network_id'])
    .where('nic.virtual_machine_id', '=', machineId)
    .execute();
  await revokeStaticNats(db, addresses);
}

/** Destroys an instance and answers with it as it was last: an expunged one has no row any more. */
export async function destroy(context: JobContext, id: string, expunge: boolean): Promise<ResponseObject> {
  const before = await presentVirtualMachine(context, id);
  await context.orchestration.destroyVirtualMachine(id, { expunge });
  const after = await presentVirtualMachine(context, id);
  return after.id === undefined ? { ...before, id, state: 'Expunging' } : after;
}
