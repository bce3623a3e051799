// Gives a new instance its NICs: addresses and MAC addresses that nobody else has.
import { type Hostname, type Ipv4Address, macFromNumber } from '@isthmus/net';
import { nextGuestAddress, requestedGuestAddress } from '../../model/guest-address.ts';
import { nextNumber, type Trx } from '../../store/database.ts';
import { touch } from '../../store/network-change.ts';
import type { EntityRow } from '../entities.ts';
import { parameterError } from '../errors.ts';

type Network = EntityRow<'network'>;

/** Inserts a NIC in each network, which the caller has locked. `address` is for the first. Throws 431 and 533. */
export async function insertNics(
  db: Trx,
  machineId: string,
  networks: readonly Network[],
  address: Ipv4Address | undefined,
): Promise<void> {
  for (const [index, network] of networks.entries()) {
    const { id } = await db
      .insertInto('nic')
      .values({
        virtual_machine_id: machineId,
        network_id: network.id,
        address: await guestAddress(db, network, index === 0 ? address : undefined),
        mac_address: macFromNumber(await nextNumber(db, 'mac_number')),
        is_default: index === 0,
        device_id: index,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await touch(db, network.id, 'dhcp.hosts', id);
    await touch(db, network.id, 'dns.records', id);
  }
}

async function guestAddress(db: Trx, network: Network, wanted: Ipv4Address | undefined): Promise<Ipv4Address> {
  const rows = await db.selectFrom('nic').select('address').where('network_id', '=', network.id).execute();
  const taken = new Set(rows.map((row) => row.address));
  const space = {
    cidr: network.cidr,
    gateway: network.gateway,
    startIp: network.start_ip,
    endIp: network.end_ip,
  };
  return wanted === undefined
    ? nextGuestAddress(space, taken)
    : requestedGuestAddress(space, taken, wanted, 'ipaddress');
}

/** Throws 431 where an instance of one of the networks has the name: the router's DNS answers for it. */
export async function checkNameFree(
  db: Trx,
  networkIds: readonly string[],
  name: Hostname,
  exceptId: string | null,
): Promise<void> {
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
