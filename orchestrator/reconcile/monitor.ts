// The periodic look at what runs on every host: does each router serve what it should, do instances run; networks that
// nobody uses are shut down, destroyed instances expunged. One orchestrator at a time does it.
import type { InstanceReport } from '@isthmus/contract';
import { type Selectable, sql } from 'kysely';
import { acquireLease } from '../store/lease.ts';
import type { HostTable } from '../store/schema.ts';
import type { CertificateRotation } from './certificate-rotation.ts';
import { forgetFetchedPasswords } from './fetched-passwords.ts';
import { meteringRound } from './metering.ts';
import { implementNetwork, shutDownIfUnused } from './network.ts';
import type { Parts } from './parts.ts';
import type { RouterHealthMonitor } from './router-health-monitor.ts';
import type { RouterMonitor } from './router-monitor.ts';
import type { SystemVmMonitor } from './system-vm/system-vm-monitor.ts';
import { destroyVirtualMachine, reviveVirtualMachine } from './virtual-machine.ts';

const leaseSeconds = 15;

/** What remembers from one round to the next. */
export interface Watches {
  readonly routers: RouterMonitor;
  readonly systemVms: SystemVmMonitor;
  readonly health: Pick<RouterHealthMonitor, 'round'>;
  readonly rotation: CertificateRotation;
}

/** One look. `holder` names this orchestrator. Failures of one host or network are logged and leave the others alone. */
export async function monitor(parts: Parts, watches: Watches, holder: string): Promise<void> {
  const { systemVms, health, rotation } = watches;
  if ((await acquireLease(parts.db, 'monitor', holder, leaseSeconds)) === null) return;
  const hosts = await parts.db.selectFrom('host').selectAll().where('state', '=', 'Up').execute();
  await Promise.all(
    hosts.map((host) => attempt(parts, `host ${host.name}`, () => lookAtMachines(parts, watches, host))),
  );
  await attempt(parts, 'system VMs', () => systemVms.round());
  await attempt(parts, 'health checks', () => health.round());
  await attempt(parts, 'certificates', () => rotation.round());
  await attempt(parts, 'replacements left over', () => settleReplacements(parts));
  await attempt(parts, 'fetched passwords', () => forgetFetchedPasswords(parts));
  await attempt(parts, 'changes left over', () => pushLeftOvers(parts));
  await attempt(parts, 'unused networks', () => shutDownUnused(parts));
  await attempt(parts, 'accounting', () => meteringRound(parts));
  await attempt(parts, 'destroyed instances', () => expunge(parts));
}

async function attempt(parts: Parts, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    parts.log.warn('the monitor could not finish a part of its round', { part: what, error: String(error) });
  }
}

/** What runs on a host that is Up; whether it is there is the host monitor's to see. */
async function lookAtMachines(
  parts: Parts,
  { routers, systemVms }: Watches,
  host: Selectable<HostTable>,
): Promise<void> {
  const client = parts.hosts.at(host.url, host.id);
  const appliances = await client.appliances();
  await routers.look(host.id, appliances);
  await systemVms.look(host.id, appliances);
  await lookAtInstances(parts, host.id, await client.instances());
}

async function lookAtInstances(parts: Parts, hostId: string, reports: readonly InstanceReport[]): Promise<void> {
  const instances = new Map(reports.map((report) => [report.id, report]));
  const machines = await parts.db
    .selectFrom('virtual_machine')
    .select(['id', 'name'])
    .where('host_id', '=', hostId)
    .where('state', '=', 'Running')
    .execute();
  for (const machine of machines) {
    if (instances.get(machine.id)?.state === 'Running') continue;
    parts.log.warn('instance is not running; starting it again', { instance: machine.name });
    await attempt(parts, `instance ${machine.name}`, () => reviveVirtualMachine(parts, machine.id));
  }
}

/** Replacements of routers whose orchestrator died. Whoever still works on one holds the network's lock, and ends it. */
async function settleReplacements(parts: Parts): Promise<void> {
  const networks = await parts.db
    .selectFrom('router')
    .select('network_id')
    .where('replaces', 'is not', null)
    // Its builder has the lease, and renews it.
    .where(sql<boolean>`not exists (select 1 from lease where name = 'network:' || network_id and expires > now())`)
    .execute();
  for (const { network_id: networkId } of networks) {
    await attempt(parts, `network ${networkId}`, () => parts.lock.hold(networkId, async () => undefined));
  }
}

/** Changes that no job waits for any more, such as those of an orchestrator that died: noted, or compiled and not acknowledged. */
async function pushLeftOvers(parts: Parts): Promise<void> {
  const networks = await parts.db
    .selectFrom('router')
    .innerJoin('router_document', 'router_document.router_id', 'router.id')
    .select('router.network_id')
    .where('router.state', '=', 'Running')
    .where('router.replaces', 'is', null)
    .where(({ or, eb, exists, selectFrom }) =>
      or([
        eb('router_document.generation', '<>', eb.ref('router_document.acknowledged_generation')),
        exists(
          selectFrom('network_change')
            .select('network_change.sequence')
            .whereRef('network_change.network_id', '=', 'router.network_id'),
        ),
      ]),
    )
    .execute();
  for (const { network_id: networkId } of networks) {
    await attempt(parts, `network ${networkId}`, async () => {
      await parts.updates.request(networkId);
    });
  }
}

async function shutDownUnused(parts: Parts): Promise<void> {
  const wait = Number(await parts.setting('network.gc.wait'));
  const unused = await parts.db
    .selectFrom('network')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select(['network.id', 'network.name'])
    // Shutdown: one whose orchestrator died half way.
    .where('network.state', 'in', ['Implemented', 'Shutdown'])
    .where('network_offering.is_persistent', '=', false)
    .where('network.unused_since', '<', sql<Date>`now() - make_interval(secs => ${wait})`)
    .execute();
  for (const network of unused) {
    parts.log.info('network is unused; shutting it down', { network: network.name });
    await attempt(parts, `network ${network.name}`, () => shutDownIfUnused(parts, network.id));
  }
  const persistent = await parts.db
    .selectFrom('network')
    .innerJoin('network_offering', 'network_offering.id', 'network.network_offering_id')
    .select('network.id')
    .where('network.state', '=', 'Implementing')
    .where('network_offering.is_persistent', '=', true)
    .execute();
  for (const { id } of persistent) await attempt(parts, `network ${id}`, () => implementNetwork(parts, id));
}

async function expunge(parts: Parts): Promise<void> {
  const delay = Number(await parts.setting('expunge.delay'));
  const machines = await parts.db
    .selectFrom('virtual_machine')
    .select('id')
    .where('state', '=', 'Destroyed')
    .where('created', '<', sql<Date>`now() - make_interval(secs => ${delay})`)
    .execute();
  for (const { id } of machines) await attempt(parts, `instance ${id}`, () => destroyVirtualMachine(parts, id, true));
}
