// As many console proxies in each zone as its sessions need. Whoever does it holds the zone's lease.
import { type Selectable, sql } from 'kysely';
import { consoleProxyAlert } from '../../model/alert.ts';
import { type ConsoleLimits, type ProxyLoad, planCapacity } from '../../model/console-capacity.ts';
import { raiseAlert, resolveAlert } from '../../store/alert.ts';
import type { Db, Trx } from '../../store/database.ts';
import type { ZoneTable } from '../../store/schema.ts';
import { lockZone } from '../allocate.ts';
import { destroy } from '../appliance.ts';
import type { Parts } from '../parts.ts';
import { createConsoleProxy, type SystemVm } from './rows.ts';
import { systemVmsOf } from './system-vms.ts';

type Zone = Pick<Selectable<ZoneTable>, 'id' | 'name'>;

/** One look at every zone. Failures of one are logged, told as an alert, and leave the others alone. */
export async function capacityRound(parts: Parts): Promise<void> {
  const limits = await limitsOf(parts);
  for (const zone of await parts.db.selectFrom('zone').select(['id', 'name']).execute()) {
    const description = `Zone ${zone.name}: no console proxy could be deployed`;
    const alert = { type: consoleProxyAlert, resourceId: zone.id, zoneId: zone.id };
    try {
      await look(parts, zone, limits);
      await resolveAlert(parts.db, { ...alert, description: `Zone ${zone.name}: its console proxies suffice again` });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      parts.log.warn('the console proxies of a zone could not be looked at', { zone: zone.name, error: reason });
      await raiseAlert(parts.db, { ...alert, description: `${description}: ${reason}` });
    }
  }
}

async function limitsOf({ setting }: Parts): Promise<ConsoleLimits> {
  return {
    sessionsPerProxy: Number(await setting('consoleproxy.session.max')),
    standby: Number(await setting('consoleproxy.capacity.standby')),
    mostProxies: Number(await setting('consoleproxy.launch.max')),
    idleSeconds: Number(await setting('consoleproxy.idle.wait')),
  };
}

async function look(parts: Parts, zone: Zone, limits: ConsoleLimits): Promise<void> {
  await noteIdleness(parts.db, zone.id);
  const remove = await parts.db.transaction().execute((trx) => step(parts, trx, zone, limits));
  for (const id of remove) {
    parts.log.info('removing a console proxy that nobody needs', { zone: zone.name, id });
    await destroy(systemVmsOf(parts), id);
  }
}

/** Since when each has no session. */
async function noteIdleness(db: Db, zoneId: string): Promise<void> {
  const isUsed = sql<boolean>`exists (select 1 from console_session
    where system_vm_id = system_vm.id and state in ('Choosing', 'Open'))`;
  await sql`update system_vm set idle_since = case when ${isUsed} then null else coalesce(idle_since, now()) end
    where zone_id = ${zoneId} and (idle_since is null) <> ${isUsed}`.execute(db);
}

/** Writes down what the plan asks for; answers with the ids of those that are to go. The zone is locked: nobody counts twice. */
async function step({ log }: Parts, trx: Trx, zone: Zone, limits: ConsoleLimits): Promise<readonly string[]> {
  await lockZone(trx, zone.id);
  const proxies = await loadsOf(trx, zone.id);
  const plan = planCapacity(proxies, limits, await isWanted(trx, zone.id));
  const { deploy, drain, undrain, remove } = plan;
  if (drain.length + undrain.length > 0) log.info('console proxies drain, or serve again', { drain, undrain });
  await setDraining(trx, drain, new Date());
  await setDraining(trx, undrain, null);
  if (deploy) {
    const { name } = await createConsoleProxy(trx, zone.id);
    log.info('deploying a console proxy', { zone: zone.name, name });
  }
  return remove;
}

async function setDraining(trx: Trx, ids: readonly string[], draining: Date | null): Promise<void> {
  if (ids.length === 0) return;
  await trx.updateTable('system_vm').set({ draining }).where('id', 'in', ids).execute();
}

async function loadsOf(trx: Trx, zoneId: string): Promise<ProxyLoad[]> {
  const rows = await trx
    .selectFrom('system_vm')
    .selectAll()
    .select(
      sql<string>`(select count(*) from console_session
        where system_vm_id = system_vm.id and console_session.state in ('Choosing', 'Open'))`.as('sessions'),
    )
    .where('zone_id', '=', zoneId)
    .where('type', '=', 'consoleproxy')
    .orderBy('created')
    .orderBy('id')
    .execute();
  return rows.map((row) => ({ ...loadOf(row), sessions: Number(row.sessions) }));
}

function loadOf(vm: SystemVm): Omit<ProxyLoad, 'sessions'> {
  const { id, state, draining, healthy, reported, bootstrapped, idle_since: idleSince } = vm;
  return {
    id,
    state,
    isDraining: draining !== null,
    isHealthy: healthy || reported === null,
    hasServed: bootstrapped,
    idleSeconds: idleSince === null ? null : (Date.now() - idleSince.getTime()) / 1000,
  };
}

/** True where the zone has a host that takes machines, public addresses, and a machine that has a console. */
async function isWanted(trx: Trx, zoneId: string): Promise<boolean> {
  const { rows } = await sql<{ wanted: boolean }>`select
    exists (select 1 from host where zone_id = ${zoneId} and state = 'Up' and resource_state = 'Enabled')
    and exists (select 1 from vlan_ip_range where zone_id = ${zoneId} and account_id is null and domain_id is null)
    and (
      exists (select 1 from virtual_machine where zone_id = ${zoneId} and state not in ('Destroyed', 'Expunging', 'Error'))
      or exists (select 1 from router where zone_id = ${zoneId} and state <> 'Destroyed')
    ) as wanted`.execute(trx);
  return rows[0]?.wanted === true;
}
