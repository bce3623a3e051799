// Which hosts span guest segments with each other: every host of a zone that has a tunnel address is told of the others.
import type { Ipv4Address } from '@isthmus/net';
import { type Selectable, sql } from 'kysely';
import type { Db } from '../store/database.ts';
import type { HostTable } from '../store/schema.ts';
import { tunnelMtu } from './load/index.ts';
import type { Parts } from './parts.ts';

type Host = Selectable<HostTable>;

/** Told again this often, for hosts that forgot. */
const againAfterMs = 60_000;

/** The tunnel addresses that a host is told, in order. One that is silent stays: its segments may still be there. */
export function tunnelPeers(hosts: readonly Host[], host: Host): Ipv4Address[] {
  return hosts
    .filter((other) => other.id !== host.id && other.zone_id === host.zone_id)
    .filter(({ state }) => state !== 'Down' && state !== 'Connecting')
    .flatMap(({ tunnel_address: address }) => (address === null ? [] : [address]))
    .sort();
}

export class Tunnels {
  readonly #parts: Parts;
  /** What each host was told last, and when. */
  readonly #told = new Map<string, { readonly key: string; readonly atMs: number }>();
  /** Hosts that have not answered yet. */
  readonly #asked = new Set<string>();
  /** Of guests, by zone; null without tunnels. */
  readonly #mtus = new Map<string, number | null>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Tells the hosts whose peers changed. A host that cannot be told is told at the next round. */
  async align(hosts: readonly Host[]): Promise<void> {
    const spanning = hosts.filter(({ state, tunnel_address: address }) => state === 'Up' && address !== null);
    await Promise.all(spanning.map((host) => this.#tell(host, tunnelPeers(hosts, host))));
    await this.#touchMtu(hosts);
  }

  async #tell(host: Host, peers: readonly Ipv4Address[]): Promise<void> {
    if (this.#asked.has(host.id)) return;
    const key = JSON.stringify([host.boot_id, host.tunnel_address, peers]);
    const told = this.#told.get(host.id);
    if (told?.key === key && performance.now() - told.atMs < againAfterMs) return;
    this.#asked.add(host.id);
    try {
      await this.#parts.hosts.at(host.url, host.id).putTunnels({ peers: [...peers] });
      this.#told.set(host.id, { key, atMs: performance.now() });
    } catch (error) {
      this.#told.delete(host.id);
      this.#parts.log.warn('a host could not be told of its tunnels', { host: host.name, error: String(error) });
    } finally {
      this.#asked.delete(host.id);
    }
  }

  /** Where the tunnels of a zone come, go or change, the MTU of its guests does: their routers tell them by DHCP. */
  async #touchMtu(hosts: readonly Host[]): Promise<void> {
    for (const zoneId of new Set(hosts.map((host) => host.zone_id))) {
      const mtu = await tunnelMtu(this.#parts.db, zoneId);
      const before = this.#mtus.get(zoneId) ?? null;
      if (before === mtu) continue;
      this.#mtus.set(zoneId, mtu);
      await touchSettings(this.#parts.db, zoneId);
    }
  }
}

async function touchSettings(db: Db, zoneId: string): Promise<void> {
  await sql`
    insert into network_change (network_id, collection, entry_id)
    select id, 'settings', '*' from network where zone_id = ${zoneId} and state = 'Implemented'`.execute(db);
}
