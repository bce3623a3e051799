// A host that answers again, or for the first time.
import type { HostReport } from '@isthmus/contract';
import { parseIpv4Address } from '@isthmus/net';
import type { Selectable } from 'kysely';
import type { Db, Trx } from '../store/database.ts';
import type { HostTable } from '../store/schema.ts';
import { hostRecovered } from './alerts.ts';
import { onHost } from './hosts.ts';
import type { Parts } from './parts.ts';
import { recordHostEvent } from './system-event.ts';
import { twinOf } from './twin-host.ts';

type Host = Selectable<HostTable>;

/** Writes down what a host says of itself. */
export async function writeReport(
  { db }: { readonly db: Db | Trx },
  host: Pick<Host, 'id'>,
  report: HostReport,
): Promise<void> {
  await db
    .updateTable('host')
    .set({
      driver: report.driver,
      accelerator: report.accelerator,
      version: report.version,
      cpus: report.cpus,
      memory: report.memoryBytes,
      memory_free: report.memoryFreeBytes,
      tunnel_address: report.tunnelAddress === null ? null : parseIpv4Address(report.tunnelAddress),
      guest_mtu: report.guestMtu ?? null,
      boot_id: report.bootId,
      last_pinged: new Date(),
    })
    .where('id', '=', host.id)
    .execute();
}

/** More rounds than this mean that what it carries changes faster than it can be taken from it. */
const mostRounds = 20;

/**
 * A host that was lost answers again: what runs elsewhere by now, or was removed, is removed from it, and what was
 * stopped is stopped; only then is it Up. Throws where it fails again in between.
 */
export async function takeBack(parts: Parts, host: Host): Promise<void> {
  const client = parts.hosts.at(host.url, host.id);
  for (let round = 0; round < mostRounds; round++) {
    const appliances = await onHost(() => client.appliances());
    const instances = await onHost(() => client.instances());
    const carried = { appliances: appliances.map(({ id }) => id), instances: instances.map(({ id }) => id) };
    const strangers = await becomeUpUnless(parts, host, carried);
    if (strangers === null) {
      await hostRecovered(parts, host);
      await stopStopped(parts, host, instances);
      return;
    }
    const twin = await twinOf(parts, await onHost(() => client.report()), host.id);
    if (twin !== null)
      throw new Error(`host ${host.name} is host ${twin}, which is at another url: remove one of them`);
    parts.log.warn('removing what runs elsewhere from a host that returned', { host: host.name, ...strangers });
    for (const id of strangers.appliances) await onHost(() => client.deleteAppliance(id));
    for (const id of strangers.instances) await onHost(() => client.deleteInstance(id));
  }
  throw new Error(`host ${host.name} still carries what runs elsewhere`);
}

interface Carried {
  readonly appliances: readonly string[];
  readonly instances: readonly string[];
}

/** Null: the host is Up. Else what it carries and must not; the rows were read where nothing could be moved off it. */
function becomeUpUnless(parts: Parts, host: Host, carried: Carried): Promise<Carried | null> {
  return parts.db.transaction().execute(async (trx) => {
    const now = await trx.selectFrom('host').selectAll().where('id', '=', host.id).forUpdate().executeTakeFirst();
    if (now === undefined) throw new Error(`host ${host.name} was deleted`);
    const routers = await trx.selectFrom('router').select('id').where('host_id', '=', host.id).execute();
    const systemVms = await trx.selectFrom('system_vm').select('id').where('host_id', '=', host.id).execute();
    const appliances = [...routers, ...systemVms];
    const machines = await trx.selectFrom('virtual_machine').select('id').where('host_id', '=', host.id).execute();
    const strangers = {
      appliances: carried.appliances.filter((id) => !appliances.some((appliance) => appliance.id === id)),
      instances: carried.instances.filter((id) => !machines.some((machine) => machine.id === id)),
    };
    if (strangers.appliances.length + strangers.instances.length > 0) return strangers;
    await trx
      .updateTable('host')
      .set({ state: 'Up', fenced: null, disconnected_since: null, reason: null, last_pinged: new Date() })
      .where('id', '=', host.id)
      .execute();
    if (now.state !== 'Up') {
      parts.log.info('host answers again', { host: host.name, was: now.state });
      await recordHostEvent(trx, 'HOST.RECONNECT', 'INFO', `Host ${host.name} answers again`, host.id);
    }
    return null;
  });
}

async function stopStopped(
  parts: Parts,
  host: Host,
  reports: readonly { readonly id: string; readonly state: string }[],
): Promise<void> {
  const running = reports.filter(({ state }) => state === 'Running').map(({ id }) => id);
  if (running.length === 0) return;
  const stopped = await parts.db
    .selectFrom('virtual_machine')
    .select('id')
    .where('id', 'in', running)
    .where('state', '=', 'Stopped')
    .execute();
  const client = parts.hosts.at(host.url, host.id);
  for (const { id } of stopped) await onHost(() => client.powerInstance(id, 'stop'));
}
