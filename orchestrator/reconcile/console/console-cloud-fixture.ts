// A zone with instances, users and console proxies over a real database, and orchestrators' consoles. Tests alone import
// this.
import { randomBytes, randomUUID } from 'node:crypto';
import { macFromNumber, parseHostname, parseIpv4Address } from '@isthmus/net';
import { sql } from 'kysely';
import type { ConsoleRequestOfUser } from '../../model/console-orchestration.ts';
import type { consoleSettings } from '../../model/console-settings.ts';
import { type Authority, createAuthority } from '../../pki/authority.ts';
import { createSealer } from '../../pki/sealer.ts';
import { ensureBuiltInRows } from '../../store/built-in.ts';
import { noteConsoleOrigin } from '../../store/console-origin.ts';
import { consoleSetting } from '../../store/console-proxy.ts';
import type { Db } from '../../store/database.ts';
import { type Log, silentLog } from '../../store/log.ts';
import { seedIdentity } from '../../store/seed.ts';
import { openTestDatabase } from '../../store/testing.ts';
import { addZone } from '../../store/zone-fixture.ts';
import { held, identityOf } from '../control-path-fixture.ts';
import { Hosts } from '../hosts.ts';
import { RouterAgents } from '../router-agents.ts';
import { ConsoleHost, ConsoleProxyPeer, until } from './console-peers-fixture.ts';
import { type Consoles, startConsoles } from './index.ts';

export const pageOrigin = 'http://console.example.org:8080';

/** A user of an account of its own. */
export interface ConsoleUser {
  readonly userId: string;
  readonly accountId: string;
  readonly domainId: string;
}

export interface ConsoleCloud {
  readonly db: Db;
  readonly zoneId: string;
  readonly host: ConsoleHost;
  readonly hostId: string;
  readonly authority: Authority;
  /** Lines that were logged, as JSON. */
  readonly logged: string[];
  /** Another orchestrator of the same database. */
  orchestrator(holder: string): Promise<Consoles>;
  user(name: string): Promise<ConsoleUser>;
  /** A running instance of the user's: a VM, or a namespace. */
  machine(user: ConsoleUser, options?: { readonly namespace?: boolean }): Promise<string>;
  /** A proxy that runs and that `orchestrators` reach. */
  proxy(...orchestrators: readonly Consoles[]): Promise<ConsoleProxyPeer>;
  set(name: keyof typeof consoleSettings, value: string): Promise<void>;
  close(): Promise<void>;
}

/** What a user asks for. */
export function ofUser(
  user: ConsoleUser,
  machineId: string,
  more: Partial<ConsoleRequestOfUser> = {},
): ConsoleRequestOfUser {
  const target = { kind: 'instance' as const, id: machineId };
  return { ...user, target, apiSessionId: null, clientAddress: '192.0.2.77', ...more };
}

/** A ticket; throws where it is refused. */
export async function ticketOf(consoles: Consoles, request: ConsoleRequestOfUser): Promise<string> {
  const made = await consoles.orchestration.createConsoleEndpoint(request);
  if ('refused' in made) throw new Error(made.refused);
  return made.endpoint.ticket;
}

function recordingLog(lines: string[]): Log {
  const line = (message: string, fields?: unknown) => {
    lines.push(JSON.stringify({ message, fields }));
  };
  return { ...silentLog, debug: line, info: line, warn: line, error: line };
}

async function addZoneWithRange(db: Db) {
  const zone = await addZone(db);
  const range = await db
    .insertInto('vlan_ip_range')
    .values({
      zone_id: zone.zoneId,
      physical_network_id: zone.physicalNetworkId,
      vlan: 'untagged',
      gateway: parseIpv4Address('203.0.113.1'),
      netmask: parseIpv4Address('255.255.255.0'),
      start_ip: parseIpv4Address('203.0.113.10'),
      end_ip: parseIpv4Address('203.0.113.99'),
      ip6_gateway: null,
      ip6_cidr: null,
      start_ipv6: null,
      end_ipv6: null,
      account_id: null,
      domain_id: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { ...zone, rangeId: range.id };
}

type ZoneWithRange = Awaited<ReturnType<typeof addZoneWithRange>>;

/** A host's row. */
export async function insertHost(
  db: Db,
  zone: Pick<ZoneWithRange, 'zoneId' | 'podId' | 'clusterId'>,
  name: string,
  url: string,
) {
  const { id } = await db
    .insertInto('host')
    .values({
      zone_id: zone.zoneId,
      pod_id: zone.podId,
      cluster_id: zone.clusterId,
      name,
      url,
      driver: 'libvirt',
      state: 'Up',
      cpus: 4,
      memory: 2 ** 34,
      version: '0.1.0',
      last_pinged: new Date(),
      tunnel_address: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

async function insertUser(db: Db, name: string): Promise<ConsoleUser> {
  const root = await db.selectFrom('domain').select('id').where('path', '=', '/').executeTakeFirstOrThrow();
  const account = await db
    .insertInto('account')
    .values({ name, type: 0, domain_id: root.id, network_domain: null })
    .returning('id')
    .executeTakeFirstOrThrow();
  const user = await db
    .insertInto('cloud_user')
    .values({
      username: name,
      password_hash: 'none',
      firstname: name,
      lastname: 'test',
      email: `${name}@example.org`,
      timezone: null,
      account_id: account.id,
      domain_id: root.id,
      api_key: null,
      secret_key: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return { userId: user.id, accountId: account.id, domainId: root.id };
}

/** Starts a database and a host; orchestrators, users, machines and proxies come as a test asks for them. */
export async function startConsoleCloud(): Promise<ConsoleCloud> {
  const database = await openTestDatabase();
  const { db } = database;
  await seedIdentity(db);
  const admin = await db.selectFrom('account').select(['id', 'domain_id']).executeTakeFirstOrThrow();
  await db.transaction().execute((trx) => ensureBuiltInRows(trx, { accountId: admin.id, domainId: admin.domain_id }));
  const zone = await addZoneWithRange(db);
  const host = new ConsoleHost();
  await host.open();
  const hostId = await insertHost(db, zone, 'host1', host.url);
  const authority = await createAuthority('ab12');
  const offering = await db.selectFrom('service_offering').select('id').executeTakeFirstOrThrow();
  const builtIn = await db.selectFrom('template').selectAll().executeTakeFirstOrThrow();
  const { rows } = await sql<{ id: string }>`
    insert into template (name, display_text, format, hypervisor, os_type_id, url, size, account_id, domain_id)
    select 'disk', display_text, 'QCOW2', hypervisor, os_type_id, 'image:guest', size, account_id, domain_id
    from template where id = ${builtIn.id} returning id`.execute(db);
  const diskTemplateId = String(rows[0]?.id);
  const sealer = createSealer(randomBytes(32), 'the test');
  const logged: string[] = [];
  const running: Consoles[] = [];
  const peers: ConsoleProxyPeer[] = [];
  const closers: (() => void)[] = [];
  let number = 10;
  return {
    db,
    zoneId: zone.zoneId,
    host,
    hostId,
    authority,
    logged,
    orchestrator: async (holder) => {
      const identity = identityOf(await held(authority, { role: 'orchestrator', id: holder }), [authority]);
      const hosts = new Hosts(db, identity);
      const agents = new RouterAgents({ db, hosts, identity });
      // As the program has it: each costs a connection of the pool.
      const setting = (name: string) => consoleSetting(db, name as keyof typeof consoleSettings);
      await noteConsoleOrigin(db, holder, pageOrigin);
      const parts = { db, log: recordingLog(logged), hosts, agents, setting, sealer };
      const consoles = startConsoles(parts, { databaseUrl: database.url, holder, everyMs: 50 });
      running.push(consoles);
      closers.push(() => {
        agents.close();
        hosts.close();
      });
      return consoles;
    },
    user: (name) => insertUser(db, name),
    machine: async (user, { namespace = false } = {}) => {
      number += 1;
      const { id } = await db
        .insertInto('virtual_machine')
        .values({
          instance_name: `i-${number}-VM`,
          name: parseHostname(`vm${number}`),
          display_name: `vm${number}`,
          account_id: user.accountId,
          domain_id: user.domainId,
          user_id: user.userId,
          zone_id: zone.zoneId,
          host_id: hostId,
          template_id: namespace ? builtIn.id : diskTemplateId,
          service_offering_id: offering.id,
          user_data: null,
          root_disk_bytes: null,
          state: 'Running',
          reason: null,
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      return id;
    },
    proxy: async (...orchestrators) => {
      number += 1;
      const id = randomUUID();
      const peer = new ConsoleProxyPeer(id, await held(authority, { role: 'appliance', id }), authority.certificate);
      peers.push(peer);
      await peer.start();
      host.proxies.set(id, peer);
      const address = await db
        .insertInto('public_ip_address')
        .values({
          address: parseIpv4Address(`203.0.113.${number}`),
          address_number: number,
          vlan_ip_range_id: zone.rangeId,
          zone_id: zone.zoneId,
          state: 'Allocated',
          account_id: admin.id,
          domain_id: admin.domain_id,
          network_id: null,
          static_nat_nic_id: null,
          static_nat_private_address: null,
          static_nat_state: null,
          allocated: new Date(),
        })
        .returning('id')
        .executeTakeFirstOrThrow();
      await db
        .insertInto('system_vm')
        .values({
          id,
          name: `v-${number}-VM`,
          type: 'consoleproxy',
          zone_id: zone.zoneId,
          pod_id: zone.podId,
          host_id: hostId,
          service_offering_id: offering.id,
          public_ip_address_id: address.id,
          public_mac_address: macFromNumber(number),
          state: 'Running',
        })
        .execute();
      await until(`channels to ${id}`, () => peer.channels >= orchestrators.length);
      await until(`a report of ${id}`, async () => {
        const row = await db.selectFrom('system_vm').select('healthy').where('id', '=', id).executeTakeFirst();
        return row?.healthy;
      });
      return peer;
    },
    set: async (name, value) => {
      await db
        .insertInto('configuration')
        .values({ name, value })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
        .execute();
    },
    close: async () => {
      for (const consoles of running) await consoles.stop();
      for (const close of closers) close();
      for (const peer of peers) await peer.kill();
      await host.close();
      await database.close();
    },
  };
}
