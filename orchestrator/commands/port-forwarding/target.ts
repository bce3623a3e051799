// The instance behind a public address: what port forwarding and static NAT share.
import type { Ipv4Address } from '@isthmus/net';
import { takesRules } from '../../model/virtual-machine.ts';
import type { Trx } from '../../store/database.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { refuseLeaving } from '../nic/lock.ts';

/** An instance as a call names it. */
export interface TargetRequest {
  readonly virtualMachineId: string;
  readonly networkId: string;
  readonly vmguestip?: Ipv4Address | undefined;
}

/**
 * Holds an instance against being destroyed before the transaction ends. Throws 431 where its state takes no rules.
 * Locked before the address, everywhere, so that two commands never wait for each other.
 */
export async function holdMachine(db: Trx, id: string, parameter = 'virtualmachineid'): Promise<void> {
  const machine = await db
    .selectFrom('virtual_machine')
    .select(['name', 'state'])
    .where('id', '=', id)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (machine === undefined || !takesRules(machine.state)) {
    const state = machine === undefined ? 'gone' : `in state ${machine.state}`;
    throw parameterError(parameter, id, `an instance that is not destroyed; it is ${state}`);
  }
}

/** A NIC, and which address of it a rule leads to; null: its own. */
export interface TargetNic {
  readonly nic: EntityRow<'nic'>;
  readonly privateAddress: Ipv4Address | null;
}

/** The instance's NIC in the address's network. Throws 431 where it has none there, or not with `vmguestip`. */
export async function targetNic(db: Trx, request: TargetRequest): Promise<TargetNic> {
  const nic = await db
    .selectFrom('nic')
    .selectAll()
    .where('virtual_machine_id', '=', request.virtualMachineId)
    .where('network_id', '=', request.networkId)
    .executeTakeFirst();
  if (nic === undefined) {
    const expected = `an instance with a NIC in the network of the public IP address (${request.networkId})`;
    throw parameterError('virtualmachineid', request.virtualMachineId, expected);
  }
  refuseLeaving('virtualmachineid', nic);
  const { vmguestip } = request;
  if (vmguestip === undefined || vmguestip === nic.address) return { nic, privateAddress: null };
  const secondary = await db
    .selectFrom('nic_secondary_address')
    .select('address')
    .where('nic_id', '=', nic.id)
    .where('address', '=', vmguestip)
    .executeTakeFirst();
  if (secondary !== undefined) return { nic, privateAddress: secondary.address };
  const expected = `the instance's address in that network, ${nic.address}, or a secondary one of it (addIpToNic)`;
  throw parameterError('vmguestip', vmguestip, expected);
}

/** Throws 431 where a call names a network other than the address's own. */
export function checkNetworkOfAddress(networkId: string | undefined, address: { network_id: string }): void {
  if (networkId !== undefined && networkId !== address.network_id) {
    throw parameterError('networkid', networkId, `the network of the public IP address (${address.network_id})`);
  }
}
