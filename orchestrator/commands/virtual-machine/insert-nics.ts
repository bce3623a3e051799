// Gives a new instance its NICs: addresses and MAC addresses that nobody else has.
import { type Hostname, type Ipv4Address, macFromNumber } from '@isthmus/net';
import { nextNumber, type Trx } from '../../store/database.ts';
import { touchNic } from '../../store/network-change.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';
import { freeGuestAddress } from '../nic/guest-address.ts';

type Network = EntityRow<'network'>;

/** Where guests look for their metadata. */
const metadataName = 'data-server';

/** Inserts a NIC in each network, which the caller has locked. `address` is for the first. Throws 431 and 533. */
export async function insertNics(
  db: Trx,
  machineId: string,
  networks: readonly Network[],
  address: Ipv4Address | undefined,
): Promise<void> {
  for (const [index, network] of networks.entries()) {
    const nic = await db
      .insertInto('nic')
      .values({
        virtual_machine_id: machineId,
        network_id: network.id,
        address: await freeGuestAddress(db, network, index === 0 ? address : undefined),
        mac_address: macFromNumber(await nextNumber(db, 'mac_number')),
        is_default: index === 0,
        device_id: index,
      })
      .returning(['id', 'network_id'])
      .executeTakeFirstOrThrow();
    await touchNic(db, nic);
  }
}

/** Throws 431 where an instance of one of the networks has the name: the router's DNS answers for it. */
export async function checkNameFree(
  db: Trx,
  networkIds: readonly string[],
  name: Hostname,
  exceptId: string | null,
): Promise<void> {
  if (name === metadataName) throw parameterError('name', name, 'another name: routers answer to it themselves');
  const other = await db
    .selectFrom('nic')
    .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
    .innerJoin('network', 'network.id', 'nic.network_id')
    .select(['virtual_machine.id', 'network.name as network'])
    .where('nic.network_id', 'in', [...networkIds])
    .where('virtual_machine.name', '=', name)
    .executeTakeFirst();
  if (other === undefined || other.id === exceptId) return;
  throw parameterError('name', name, `a name that no instance of network ${other.network} has`);
}
