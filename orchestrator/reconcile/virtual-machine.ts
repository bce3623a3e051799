// An instance's life on its host.
import type { InstanceSpec } from '@isthmus/contract';
import { parseInterfaceName } from '@isthmus/net';
import type { Selectable } from 'kysely';
import { touch } from '../store/network-change.ts';
import type { VirtualMachineTable } from '../store/schema.ts';
import { placeInstance } from './allocate.ts';
import { onHost } from './hosts.ts';
import { implementNetwork } from './network.ts';
import type { Parts } from './parts.ts';
import { guestSegment } from './segments.ts';

type VirtualMachine = Selectable<VirtualMachineTable>;

async function find(parts: Parts, id: string): Promise<VirtualMachine | undefined> {
  return parts.db.selectFrom('virtual_machine').selectAll().where('id', '=', id).executeTakeFirst();
}

async function setState(
  parts: Parts,
  id: string,
  state: VirtualMachine['state'],
  reason: string | null = null,
): Promise<void> {
  await parts.db.updateTable('virtual_machine').set({ state, reason }).where('id', '=', id).execute();
}

async function networksOf(parts: Parts, id: string): Promise<string[]> {
  const nics = await parts.db.selectFrom('nic').select('network_id').where('virtual_machine_id', '=', id).execute();
  return [...new Set(nics.map((nic) => nic.network_id))];
}

/** Starts an instance: its networks implemented, its lease in the routers, the instance running on a host. */
export async function startVirtualMachine(parts: Parts, id: string): Promise<void> {
  const machine = await find(parts, id);
  if (machine === undefined) return;
  await setState(parts, id, 'Starting');
  try {
    await bringUp(parts, machine);
  } catch (error) {
    await setState(parts, id, 'Error', error instanceof Error ? error.message : String(error));
    throw error;
  }
  await setState(parts, id, 'Running');
}

async function bringUp(parts: Parts, machine: VirtualMachine): Promise<void> {
  const { id } = machine;
  for (const networkId of await networksOf(parts, id)) {
    await implementNetwork(parts, networkId);
    await parts.db.updateTable('network').set({ unused_since: null }).where('id', '=', networkId).execute();
  }
  const { host_id: hostId } = await placeInstance(parts, machine);
  const spec = await instanceSpec(parts, machine);
  await onHost(async () => {
    const client = await parts.hosts.client(hostId);
    await client.putInstance(id, spec);
    await client.powerInstance(id, 'start');
  });
}

/**
 * Brings an instance up again that its host has lost. It stays Running all the while: a failure is the monitor's to
 * repeat and not the tenant's to mend, and an orchestrator that dies half way leaves nothing behind.
 */
export async function reviveVirtualMachine(parts: Parts, id: string): Promise<void> {
  const machine = await find(parts, id);
  if (machine?.state === 'Running') await bringUp(parts, machine);
}

async function instanceSpec(parts: Parts, machine: VirtualMachine): Promise<InstanceSpec> {
  const nics = await parts.db
    .selectFrom('nic')
    .selectAll()
    .where('virtual_machine_id', '=', machine.id)
    .orderBy('device_id')
    .execute();
  return {
    hostname: machine.name,
    nics: await Promise.all(
      nics.map(async (nic) => ({
        name: parseInterfaceName(`eth${nic.device_id}`),
        macAddress: nic.mac_address,
        segment: await guestSegment(parts.db, nic.network_id),
        addresses: [nic.address],
      })),
    ),
  };
}

/** Stops an instance. `forced`: it counts as stopped even where its host does not answer. */
export async function stopVirtualMachine(parts: Parts, id: string, forced: boolean): Promise<void> {
  const machine = await find(parts, id);
  if (machine === undefined) return;
  await setState(parts, id, 'Stopping');
  if (machine.host_id !== null) {
    try {
      await onHost(async () => (await parts.hosts.client(machine.host_id)).powerInstance(id, 'stop'));
    } catch (error) {
      if (!forced) {
        await setState(parts, id, machine.state, machine.reason);
        throw error;
      }
    }
  }
  await setState(parts, id, 'Stopped');
  await noteUnused(parts, id);
}

/** A network without a running instance counts its time for `network.gc.wait` from now. */
async function noteUnused(parts: Parts, id: string): Promise<void> {
  for (const networkId of await networksOf(parts, id)) {
    await parts.db
      .updateTable('network')
      .set({ unused_since: new Date() })
      .where('id', '=', networkId)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('nic')
              .innerJoin('virtual_machine', 'virtual_machine.id', 'nic.virtual_machine_id')
              .select('nic.id')
              .where('nic.network_id', '=', networkId)
              .where('virtual_machine.state', 'in', ['Starting', 'Running', 'Stopping']),
          ),
        ),
      )
      .execute();
  }
}

/** Restarts an instance in place. */
export async function rebootVirtualMachine(parts: Parts, id: string): Promise<void> {
  const machine = await find(parts, id);
  if (machine === undefined) return;
  await onHost(async () => (await parts.hosts.client(machine.host_id)).powerInstance(id, 'reboot'));
  await setState(parts, id, 'Running');
}

/** Removes an instance from its host and waits until its rules are gone; with `expunge` its addresses and row go too. */
export async function destroyVirtualMachine(parts: Parts, id: string, expunge: boolean): Promise<void> {
  const machine = await find(parts, id);
  if (machine === undefined) return;
  if (machine.host_id !== null) {
    await onHost(async () => (await parts.hosts.client(machine.host_id)).deleteInstance(id));
  }
  const networks = await networksOf(parts, id);
  for (const networkId of networks) await parts.updates.request(networkId);
  await setState(parts, id, 'Destroyed');
  await noteUnused(parts, id);
  if (!expunge) return;
  await parts.db.transaction().execute(async (trx) => {
    const nics = await trx
      .selectFrom('nic')
      .select(['id', 'network_id'])
      .where('virtual_machine_id', '=', id)
      .execute();
    for (const nic of nics) {
      await touch(trx, nic.network_id, 'dhcp.hosts', nic.id);
      await touch(trx, nic.network_id, 'dns.records', nic.id);
    }
    await trx.deleteFrom('port_forwarding_rule').where('virtual_machine_id', '=', id).execute();
    await trx.deleteFrom('virtual_machine').where('id', '=', id).execute();
  });
  for (const networkId of networks) await parts.updates.request(networkId);
}
