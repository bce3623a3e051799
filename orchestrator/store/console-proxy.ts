// Console proxies as browsers reach them.
import { consoleSocketPath } from '@isthmus/contract';
import type { Ipv4Address } from '@isthmus/net';
import { consoleSettings } from '../model/console-settings.ts';
import { plainConsolePort, socketHost, tlsConsolePort } from '../model/console-socket.ts';
import type { Db, Trx } from './database.ts';

/** The value of a setting of consoles. */
export async function consoleSetting(db: Db | Trx, name: keyof typeof consoleSettings): Promise<string> {
  const row = await db.selectFrom('configuration').select('value').where('name', '=', name).executeTakeFirst();
  return row?.value ?? consoleSettings[name].defaultValue;
}

/** How the proxies of this installation serve browsers. `domainSuffix`: of their certificate; null: without TLS. */
export interface ConsoleListening {
  readonly port: number;
  readonly domainSuffix: string | null;
}

/** What the settings and the uploaded certificate make of it. */
export async function consoleListening(db: Db | Trx): Promise<ConsoleListening> {
  const certificate = await db
    .selectFrom('custom_certificate')
    .select('domain_suffix')
    .where('sequence', '=', 0)
    .executeTakeFirst();
  const isWanted = (await consoleSetting(db, 'consoleproxy.sslEnabled')).toLowerCase() === 'true';
  const domainSuffix = isWanted ? (certificate?.domain_suffix ?? null) : null;
  const port = Number(await consoleSetting(db, 'consoleproxy.url.port'));
  return { domainSuffix, port: port > 0 ? port : domainSuffix === null ? plainConsolePort : tlsConsolePort };
}

/** A proxy that browsers can be sent to. `socket`: its WebSocket's URL. */
export interface ReachableConsoleProxy {
  readonly id: string;
  readonly socket: string;
  /** False: its sessions go on, and it is given no new one: it drains, or its last reports are missing or bad. */
  readonly takesSessions: boolean;
}

/** A proxy that has not reported for so long is not given sessions. */
const silentSeconds = 16;

/** The running proxies of a zone, the oldest first. */
export async function consoleProxiesOf(db: Db | Trx, zoneId: string): Promise<ReachableConsoleProxy[]> {
  const listening = await consoleListening(db);
  const rows = await db
    .selectFrom('system_vm')
    .innerJoin('public_ip_address', 'public_ip_address.id', 'system_vm.public_ip_address_id')
    .select(['system_vm.id', 'address', 'draining', 'healthy', 'reported'])
    .where('system_vm.zone_id', '=', zoneId)
    .where('system_vm.type', '=', 'consoleproxy')
    .where('system_vm.state', '=', 'Running')
    .orderBy('system_vm.created')
    .orderBy('system_vm.id')
    .execute();
  return rows.map(({ id, address, draining, healthy, reported }) => ({
    id,
    socket: socketUrl(listening, address),
    takesSessions: draining === null && healthy && isConsoleProxyHeard({ reported }),
  }));
}

/** True where its last report is no older than a few that may be lost. */
export function isConsoleProxyHeard({ reported }: { readonly reported: Date | null }): boolean {
  return reported !== null && reported.getTime() >= Date.now() - silentSeconds * 1000;
}

function socketUrl({ port, domainSuffix }: ConsoleListening, address: Ipv4Address): string {
  const scheme = domainSuffix === null ? 'ws' : 'wss';
  return `${scheme}://${socketHost(address, domainSuffix)}:${port}${consoleSocketPath}`;
}
