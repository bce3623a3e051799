// NICs of instances that run: plugged in, unplugged, and what their ports let through.
import { parseInterfaceName } from '@isthmus/net';
import { touchNic } from '../store/network-change.ts';
import { onHost } from './hosts.ts';
import { implementNetwork } from './network.ts';
import type { Parts } from './parts.ts';
import { instanceSpec } from './virtual-machine.ts';

async function machineOf(parts: Parts, id: string) {
  return parts.db.selectFrom('virtual_machine').selectAll().where('id', '=', id).executeTakeFirst();
}

async function networksOf(parts: Parts, machineId: string): Promise<string[]> {
  const rows = await parts.db
    .selectFrom('nic')
    .select('network_id')
    .where('virtual_machine_id', '=', machineId)
    .execute();
  return [...new Set(rows.map((row) => row.network_id))];
}

/** Brings the routers of an instance's networks up to date: leases, names, and rules that lead to it. */
export async function settleNics(parts: Parts, machineId: string): Promise<void> {
  for (const networkId of await networksOf(parts, machineId)) await parts.updates.request(networkId);
}

/**
 * Brings an instance's NICs on its host to what its rows say: a new one is plugged in, once its router knows it, and every
 * port lets the NIC's addresses through. No work where the instance does not run.
 */
export async function plugNics(parts: Parts, machineId: string): Promise<void> {
  const machine = await machineOf(parts, machineId);
  if (machine === undefined) return;
  if (machine.state !== 'Running' || machine.host_id === null) return settleNics(parts, machineId);
  const hostId = machine.host_id;
  for (const networkId of await networksOf(parts, machineId)) {
    await implementNetwork(parts, networkId);
    await parts.db.updateTable('network').set({ unused_since: null }).where('id', '=', networkId).execute();
  }
  await settleNics(parts, machineId);
  const { nics } = await instanceSpec(parts, machine, hostId);
  const client = await parts.hosts.client(hostId);
  await onHost(async () => {
    for (const nic of nics) await client.putNic('instances', machineId, nic);
  });
}

/** Unplugs a NIC and removes it with its lease and its names. No error where it is gone. */
export async function removeNic(parts: Parts, nicId: string): Promise<void> {
  const nic = await parts.db.selectFrom('nic').selectAll().where('id', '=', nicId).executeTakeFirst();
  if (nic === undefined) return;
  const machine = await machineOf(parts, nic.virtual_machine_id);
  if (machine?.state === 'Running' && machine.host_id !== null) {
    const client = await parts.hosts.client(machine.host_id);
    const name = parseInterfaceName(`eth${nic.device_id}`);
    await onHost(() => client.deleteNic('instances', machine.id, name));
  }
  await parts.db.transaction().execute(async (trx) => {
    await touchNic(trx, nic);
    await trx.deleteFrom('nic').where('id', '=', nicId).execute();
  });
  await parts.updates.request(nic.network_id);
}
