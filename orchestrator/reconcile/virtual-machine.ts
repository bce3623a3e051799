// An instance's life on its host.
import type { InstanceSpec } from '@isthmus/contract';
import { type Ipv4Address, parseInterfaceName } from '@isthmus/net';
import type { Selectable } from 'kysely';
import type { HostClient } from '../drivers/host-client.ts';
import { ApiError } from '../model/api-error.ts';
import { driverOfTemplate } from '../model/template-driver.ts';
import { touchNic } from '../store/network-change.ts';
import type { VirtualMachineTable } from '../store/schema.ts';
import { transaction } from '../store/transaction.ts';
import { placeInstance } from './allocate.ts';
import { onHost } from './hosts.ts';
import { ensureTemplateOnHost } from './images.ts';
import { implementNetwork } from './network.ts';
import type { Parts } from './parts.ts';
import { reachedHostForCertain } from './reached-host.ts';
import { guestSegment, ipv6AddressesOf } from './segments.ts';

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

/** Implements an instance's networks, places it and starts it where it is placed. */
export async function bringUp(parts: Parts, machine: VirtualMachine): Promise<void> {
  const { id } = machine;
  for (const networkId of await networksOf(parts, id)) {
    await implementNetwork(parts, networkId);
    await parts.db.updateTable('network').set({ unused_since: null }).where('id', '=', networkId).execute();
  }
  const { host_id: hostId } = await placeInstance(parts, machine);
  if (hostId === null) throw new ApiError('resourceUnavailable', 'It has no host');
  const client = await parts.hosts.client(hostId);
  await onHost(async () => {
    await client.putInstance(id, await instanceSpec(parts, machine, hostId));
    await client.powerInstance(id, 'start');
  });
  await checkRunning(client, machine);
}

/** Throws 534 with the last lines of its serial console where an instance did not come up. */
async function checkRunning(client: HostClient, { id, name }: VirtualMachine): Promise<void> {
  const report = (await onHost(() => client.instances())).find((each) => each.id === id);
  if (report?.state === 'Running') return;
  const { reason = 'it does not run', serialConsole = '' } = report ?? {};
  const last = serialConsole === '' ? '' : `. Its serial console said last: ${serialConsole.slice(-2_000)}`;
  throw new ApiError('resourceUnavailable', `Instance ${name} did not come up: ${reason}${last}`);
}

const mebibyte = 1024 * 1024;

/** What a VM is made of: nothing with a template that has no disk. */
async function machineOf(
  parts: Parts,
  machine: VirtualMachine,
  hostId: string,
): Promise<Pick<InstanceSpec, 'machine'>> {
  const template = await parts.db
    .selectFrom('template')
    .select('url')
    .where('id', '=', machine.template_id)
    .executeTakeFirstOrThrow();
  if (driverOfTemplate(template) === 'namespace') return {};
  const offering = await parts.db
    .selectFrom('service_offering')
    .select(['cpu_number', 'memory'])
    .where('id', '=', machine.service_offering_id)
    .executeTakeFirstOrThrow();
  const client = await parts.hosts.client(hostId);
  const { image, requirements } = await ensureTemplateOnHost(client, parts, machine.template_id);
  const memoryBytes = offering.memory * mebibyte;
  if (memoryBytes < requirements.memoryBytes) {
    const needed = Math.ceil(requirements.memoryBytes / mebibyte);
    throw new ApiError('parameter', `Its service offering has ${offering.memory} MiB: its template needs ${needed}`);
  }
  const rootDiskBytes = machine.root_disk_bytes === null ? {} : { rootDiskBytes: Number(machine.root_disk_bytes) };
  return { machine: { image, cpus: offering.cpu_number, memoryBytes, ...rootDiskBytes } };
}

/**
 * Brings an instance up again that its host has lost. It stays Running all the while: a failure is the monitor's to
 * repeat and not the tenant's to mend, and an orchestrator that dies half way leaves nothing behind.
 */
export async function reviveVirtualMachine(parts: Parts, id: string): Promise<void> {
  const machine = await find(parts, id);
  if (machine?.state === 'Running') await bringUp(parts, machine);
}

/**
 * Takes an instance with its disk off a host that is about to be removed. With HA it is started elsewhere, on a new disk
 * of its template; else it is stopped.
 */
export async function takeOff(
  parts: Parts,
  id: string,
  host: { readonly id: string; readonly name: string },
): Promise<void> {
  const machine = await find(parts, id);
  if (machine?.host_id !== host.id) return;
  await parts.hosts.end(host.id, (client) => client.deleteInstance(id));
  await parts.db.updateTable('virtual_machine').set({ host_id: null }).where('id', '=', id).execute();
  if (!['Running', 'Starting', 'Stopping', 'Migrating'].includes(machine.state)) return;
  await setState(parts, id, 'Stopped', `Its host ${host.name} was removed`);
  await noteUnused(parts, id);
  if (machine.state === 'Stopping' || !(await hasHa(parts, machine))) return;
  await startVirtualMachine(parts, id).catch((error: unknown) => {
    parts.log.warn('an instance of a removed host could not be started elsewhere', { instance: machine.name, error });
  });
}

async function hasHa(parts: Parts, machine: VirtualMachine): Promise<boolean> {
  const offering = await parts.db
    .selectFrom('service_offering')
    .select('offer_ha')
    .where('id', '=', machine.service_offering_id)
    .executeTakeFirstOrThrow();
  return offering.offer_ha;
}

/**
 * Starts an instance of a fenced host elsewhere, where its offering has HA; else it is stopped, and its disk stays on its
 * host. Its new disk is made of its template.
 */
export async function moveOffFencedHost(
  parts: Parts,
  id: string,
  host: { readonly id: string; readonly name: string },
): Promise<void> {
  const machine = await find(parts, id);
  if (machine?.host_id !== host.id) return;
  if (machine.state === 'Migrating' && (await hasLeft(parts, machine))) return;
  if (machine.state === 'Stopping' || !(await hasHa(parts, machine))) {
    await setState(parts, id, 'Stopped', `Its host ${host.name} went down`);
    await noteUnused(parts, id);
    return;
  }
  const placed = await placeInstance(parts, machine, { awayFrom: host.id, whereFenced: true });
  if (placed.host_id === host.id) return;
  await setState(parts, id, 'Running');
  await bringUp(parts, placed);
}

/** True where an instance had moved to another host before its own went down: it runs there, and now also in its row. */
async function hasLeft(parts: Parts, machine: VirtualMachine): Promise<boolean> {
  const reached = await reachedHostForCertain(parts, machine);
  if (reached === null) return false;
  await parts.db
    .updateTable('virtual_machine')
    .set({ host_id: reached, state: 'Running' })
    .where('id', '=', machine.id)
    .where('host_id', '=', machine.host_id)
    .execute();
  return true;
}

/** What a host is told of an instance; the disk of its template is brought to the host. */
export async function instanceSpec(parts: Parts, machine: VirtualMachine, hostId: string): Promise<InstanceSpec> {
  const nics = await parts.db
    .selectFrom('nic')
    .selectAll()
    .where('virtual_machine_id', '=', machine.id)
    .orderBy('device_id')
    .execute();
  return {
    hostname: machine.name,
    ...(await machineOf(parts, machine, hostId)),
    nics: await Promise.all(
      nics.map(async (nic) => ({
        name: parseInterfaceName(`eth${nic.device_id}`),
        macAddress: nic.mac_address,
        segment: await guestSegment(parts.db, nic.network_id),
        addresses: [nic.address, ...(await secondaryAddresses(parts, nic.id))],
        ...(await ipv6AddressesOf(parts.db, nic)),
      })),
    ),
  };
}

/** Stops an instance. `forced`: it counts as stopped even where its host does not answer. */
export async function stopVirtualMachine(parts: Parts, id: string, forced: boolean): Promise<void> {
  const machine = await find(parts, id);
  if (machine === undefined) return;
  await setState(parts, id, 'Stopping');
  try {
    await parts.hosts.end(machine.host_id, (client) => client.powerInstance(id, 'stop'));
  } catch (error) {
    if (!forced) {
      await setState(parts, id, machine.state, machine.reason);
      throw error;
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
  await parts.hosts.end(machine.host_id, (client) => client.deleteInstance(id));
  const networks = await networksOf(parts, id);
  for (const networkId of networks) await parts.updates.request(networkId);
  await setState(parts, id, 'Destroyed');
  await noteUnused(parts, id);
  if (!expunge) return;
  await transaction(parts.db, async (trx) => {
    const nics = await trx
      .selectFrom('nic')
      .select(['id', 'network_id'])
      .where('virtual_machine_id', '=', id)
      .execute();
    for (const nic of nics) await touchNic(trx, nic);
    await trx.deleteFrom('port_forwarding_rule').where('virtual_machine_id', '=', id).execute();
    await trx.deleteFrom('load_balancer_member').where('virtual_machine_id', '=', id).execute();
    await trx.deleteFrom('virtual_machine').where('id', '=', id).execute();
  });
  for (const networkId of networks) await parts.updates.request(networkId);
}

async function secondaryAddresses(parts: Parts, nicId: string): Promise<Ipv4Address[]> {
  const rows = await parts.db
    .selectFrom('nic_secondary_address')
    .select('address')
    .where('nic_id', '=', nicId)
    .orderBy('created')
    .execute();
  return rows.map(({ address }) => address);
}
