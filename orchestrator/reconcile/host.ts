// A host reconnected, emptied and removed by its admin.
import type { Selectable } from 'kysely';
import { ApiError } from '../model/api-error.ts';
import type { HostTable } from '../store/schema.ts';
import { lockZone } from './allocate.ts';
import { takeBack, writeReport } from './host-return.ts';
import { onHost } from './hosts.ts';
import { migrateRouter, migrateVirtualMachine } from './migrate.ts';
import type { Parts } from './parts.ts';
import { takeRouterOff } from './router.ts';
import { leaveHost } from './system-vm/host.ts';
import { takeOff } from './virtual-machine.ts';

type Host = Selectable<HostTable>;

async function find(parts: Parts, id: string): Promise<Host | undefined> {
  return parts.db.selectFrom('host').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Asks a host whether it is there, and takes it back where it was lost. */
export async function reconnectHost(parts: Parts, id: string): Promise<void> {
  const host = await find(parts, id);
  if (host === undefined) return;
  if (host.state === 'Connecting') {
    const advice = host.url.startsWith('https:') ? ': call addHost again with its url for a new token' : '';
    throw new ApiError('resourceUnavailable', `Host ${host.name} has not joined yet. ${host.reason ?? ''}${advice}`);
  }
  const report = await onHost(() => parts.hosts.at(host.url, host.id).report());
  await writeReport(parts, host, report);
  await takeBack(parts, host);
}

type Machines = readonly { readonly id: string; readonly name: string; readonly state: string }[];

/** What lies on a host. System VMs are nobody's, and keep no host from being emptied or removed. */
interface Carried {
  readonly routers: Machines;
  readonly systemVms: Machines;
  readonly instances: Machines;
}

async function carriedBy(parts: Parts, hostId: string): Promise<Carried> {
  const routers = await parts.db
    .selectFrom('router')
    .select(['id', 'name', 'state'])
    .where('host_id', '=', hostId)
    .execute();
  const systemVms = await parts.db
    .selectFrom('system_vm')
    .select(['id', 'name', 'state'])
    .where('host_id', '=', hostId)
    .execute();
  const instances = await parts.db
    .selectFrom('virtual_machine')
    .select(['id', 'name', 'state'])
    .where('host_id', '=', hostId)
    .where('state', 'not in', ['Expunging'])
    .execute();
  return { routers, systemVms, instances };
}

/** Moves everything that runs on a host to others, and says what stays. */
export async function emptyHost(parts: Parts, id: string): Promise<void> {
  const { routers, systemVms, instances } = await carriedBy(parts, id);
  const stays: string[] = [];
  const move = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      stays.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const router of routers) {
    if (['Running', 'Starting', 'Error'].includes(router.state)) {
      await move(`router ${router.name}`, () => migrateRouter(parts, router.id, null));
    }
  }
  for (const vm of systemVms) await move(`system VM ${vm.name}`, () => leaveHost(parts, vm.id, id));
  for (const machine of instances) {
    if (machine.state === 'Running') {
      await move(`instance ${machine.name}`, () => migrateVirtualMachine(parts, machine.id, null));
    }
  }
  if (stays.length > 0) throw new ApiError('internal', `The host is not empty. ${stays.join('. ')}`);
}

/** Takes from a host what it carries, and its row away. */
export async function removeHost(parts: Parts, id: string, forced: boolean): Promise<void> {
  const host = await find(parts, id);
  if (host === undefined) return;
  const carried = await carriedBy(parts, id);
  const names = [...carried.routers, ...carried.instances].map(({ name }) => name);
  if (names.length > 0 && !forced) {
    const some = names.slice(0, 5).join(', ');
    throw new ApiError('inUse', `Host ${host.name} carries ${some}: expected a host without machines, or forced=true`);
  }
  if (names.length + carried.systemVms.length > 0 && host.state !== 'Up' && host.fenced === null) {
    throw new ApiError(
      'inUse',
      `Host ${host.name} does not answer and is not known to be off, so that what it carries may still run: expected a ` +
        'host that is Up, or one that declareHostAsDegraded says is off',
    );
  }
  // From here on it takes nothing new; what was being placed on it is in the rows that are read after it.
  await parts.db.transaction().execute(async (trx) => {
    await lockZone(trx, host.zone_id);
    await trx.updateTable('host').set({ resource_state: 'Disabled' }).where('id', '=', id).execute();
  });
  const { routers, systemVms, instances } = await carriedBy(parts, id);
  for (const vm of systemVms) await leaveHost(parts, vm.id, id);
  for (const router of routers) await takeRouterOff(parts, router.id, host);
  for (const machine of instances) await takeOff(parts, machine.id, host);
  await parts.certificates.revoke({ role: 'host', id });
  await parts.db.deleteFrom('host').where('id', '=', id).execute();
  parts.hosts.forget(id);
}
