// A zone of simulated hosts (simulated-host-fixture.ts) and the orchestrator's real parts, over a real database. Tests
// alone import this.
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { macFromNumber, parseFqdn, parseHostname, parseIpv4Address, parseIpv4Cidr } from '@isthmus/net';
import { IpmiError, type PowerControl } from '../drivers/ipmi.ts';
import { createSealer } from '../pki/sealer.ts';
import { ensureBuiltInRows } from '../store/built-in.ts';
import type { Db } from '../store/database.ts';
import { DiagnosticsBundles } from '../store/diagnostics-bundle.ts';
import { ImageStore } from '../store/image.ts';
import { silentLog } from '../store/log.ts';
import { seedIdentity } from '../store/seed.ts';
import { openTestDatabase, type TestDatabase } from '../store/testing.ts';
import { addZone, type Zone } from '../store/zone-fixture.ts';
import { Certificates } from './certificates.ts';
import { Coalescer } from './coalescer.ts';
import { HostMonitor } from './host-monitor.ts';
import { Hosts } from './hosts.ts';
import { implementNetwork } from './network.ts';
import type { Parts } from './parts.ts';
import { settleReplacement } from './replacement.ts';
import { RouterAgents } from './router-agents.ts';
import { RouterMonitor } from './router-monitor.ts';
import { type Refusals, RouterPusher } from './router-pusher.ts';
import { SimulatedHost } from './simulated-host-fixture.ts';
import { WorkLock } from './work-lock.ts';

const holder = 'test';

/** Settings of a test: hosts are lost after two silent rounds. */
const settings = new Map([
  ['ping.interval', '0.1'],
  ['ping.timeout', '0'],
  ['router.allocator', 'Spread'],
  ['vm.allocator', 'FirstFitByFreeMemory'],
  ['ca.framework.cert.validity.period', '7'],
  ['ca.framework.orchestrator.cert.validity.hours', '24'],
]);

export interface SimulatedCloud {
  readonly db: Db;
  readonly parts: Parts;
  readonly hosts: readonly SimulatedHost[];
  /** Ids of the hosts' rows, in their order. */
  readonly hostIds: readonly string[];
  readonly zoneId: string;
  /** Machines that were started while they ran elsewhere: there must never be any. */
  readonly twice: string[];
  /** A network that is implemented; answers with the ids of the network and its router. */
  network(name: string): Promise<{ networkId: string; routerId: string }>;
  /** One round of the host monitor, and all that it leads to. */
  round(): Promise<void>;
  /** One look at what runs on the hosts that are Up. */
  lookAtRouters(): Promise<void>;
  /** What an orchestrator knows that was not written down is gone. */
  restart(): void;
  /** Every row, machine and failure is as at the beginning. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

function simulatedPower(hosts: readonly SimulatedHost[]): PowerControl {
  return {
    act: async ({ port, address }, action) => {
      const host = hosts[port - 1];
      if (host === undefined || !host.isControllerReachable) {
        throw new IpmiError(`the controller at ${address}:${port} does not answer`);
      }
      if (action === 'OFF') host.powerOff();
      if (action === 'ON') host.powerOn();
      return host.isOn ? 'On' : 'Off';
    },
    changePassword: async () => undefined,
  };
}

async function createParts(db: Db, power: PowerControl): Promise<Parts> {
  const sealer = createSealer(randomBytes(32), 'the test');
  const setting = async (name: string) => settings.get(name) ?? '0';
  const certificates = await Certificates.open({ db, sealer, installation: 'test', holder, setting });
  const { identity } = certificates;
  const hosts = new Hosts(db, identity);
  const agents = new RouterAgents({ db, hosts, identity });
  const lock = new WorkLock(db, holder, 'network');
  const pusher = new RouterPusher({ db, agents, log: silentLog, sealer });
  const updates = new Coalescer<Refusals>((networkId) =>
    lock.hold(networkId, (lease) => pusher.bringUpToDate(networkId, lease)),
  );
  const images = new ImageStore(db, { images: '/nonexistent', keys: '/nonexistent' });
  const ending = new AbortController().signal;
  const parts: Parts = {
    db,
    log: silentLog,
    hosts,
    agents,
    certificates,
    sealer,
    images,
    bundles: new DiagnosticsBundles(db, '/nonexistent'),
    power,
    lock,
    systemVmLock: new WorkLock(db, holder, 'system-vm'),
    pusher,
    updates,
    setting,
    ending,
  };
  lock.settle = (networkId, lease) => settleReplacement(parts, networkId, lease);
  return parts;
}

async function addHosts(db: Db, zone: Zone, hosts: readonly SimulatedHost[], parts: Parts): Promise<string[]> {
  const ids: string[] = [];
  for (const [index, host] of hosts.entries()) {
    const report = host.report();
    const { id } = await db
      .insertInto('host')
      .values({
        zone_id: zone.zoneId,
        pod_id: zone.podId,
        cluster_id: zone.clusterId,
        name: host.name,
        url: host.url,
        driver: report.driver,
        state: 'Up',
        cpus: report.cpus,
        memory: report.memoryBytes,
        version: report.version,
        last_pinged: new Date(),
        tunnel_address: host.tunnelAddress,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    await db
      .insertInto('out_of_band_management')
      .values({
        host_id: id,
        driver: 'ipmitool',
        address: '192.0.2.200',
        port: index + 1,
        username: 'admin',
        sealed_password: parts.sealer.seal('secret'),
        is_enabled: true,
      })
      .execute();
    ids.push(id);
  }
  return ids;
}

async function createNetwork(db: Db, { zoneId, physicalNetworkId }: Zone, name: string): Promise<string> {
  const account = await db.selectFrom('account').select(['id', 'domain_id']).executeTakeFirstOrThrow();
  const offering = await db
    .selectFrom('network_offering')
    .select('id')
    .where('name', '=', 'DefaultIsolatedNetworkOffering')
    .executeTakeFirstOrThrow();
  const { id } = await db
    .insertInto('network')
    .values({
      name,
      display_text: name,
      zone_id: zoneId,
      physical_network_id: physicalNetworkId,
      network_offering_id: offering.id,
      account_id: account.id,
      domain_id: account.domain_id,
      gateway: parseIpv4Address('10.1.1.1'),
      cidr: parseIpv4Cidr('10.1.1.0/24'),
      start_ip: null,
      end_ip: null,
      network_domain: parseFqdn('cloud.internal'),
      dns1: null,
      dns2: null,
      vni: null,
      unused_since: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  return id;
}

/** An instance of a network, stopped; with HA or without. */
export async function createInstance(
  { db, zoneId }: Pick<SimulatedCloud, 'db' | 'zoneId'>,
  networkId: string,
  number: number,
  offersHa: boolean,
): Promise<string> {
  const account = await db.selectFrom('account').select(['id', 'domain_id']).executeTakeFirstOrThrow();
  const template = await db.selectFrom('template').select('id').executeTakeFirstOrThrow();
  const offering = await db
    .insertInto('service_offering')
    .values({
      name: `o${number}`,
      display_text: 'o',
      cpu_number: 1,
      cpu_speed: 500,
      memory: 128,
      system_vm_type: null,
      offer_ha: offersHa,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const { id } = await db
    .insertInto('virtual_machine')
    .values({
      instance_name: `i-${number}-VM`,
      name: parseHostname(`vm${number}`),
      display_name: `vm${number}`,
      account_id: account.id,
      domain_id: account.domain_id,
      user_id: null,
      zone_id: zoneId,
      host_id: null,
      template_id: template.id,
      service_offering_id: offering.id,
      user_data: null,
      root_disk_bytes: null,
      state: 'Stopped',
      reason: null,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await db
    .insertInto('nic')
    .values({
      virtual_machine_id: id,
      network_id: networkId,
      address: parseIpv4Address(`10.1.1.${10 + number}`),
      mac_address: macFromNumber(1_000_000 + number),
      is_default: true,
      device_id: 0,
    })
    .execute();
  return id;
}

async function clear(database: TestDatabase): Promise<void> {
  const { db } = database;
  await db.deleteFrom('nic').execute();
  await db.deleteFrom('virtual_machine').execute();
  await db.deleteFrom('router').execute();
  await db.deleteFrom('network_change').execute();
  await db.deleteFrom('network').execute();
  await db.deleteFrom('host').execute();
  await db.deleteFrom('event').execute();
}

/** A cloud with so many hosts, which all have tunnels and controllers. */
export async function startSimulatedCloud(count: number): Promise<SimulatedCloud> {
  const database = await openTestDatabase();
  const { db } = database;
  await seedIdentity(db);
  const account = await db.selectFrom('account').select(['id', 'domain_id']).executeTakeFirstOrThrow();
  await db
    .transaction()
    .execute((trx) => ensureBuiltInRows(trx, { accountId: account.id, domainId: account.domain_id }));
  await db.insertInto('configuration').values({ name: 'store.epoch', value: randomUUID() }).execute();
  const directory = await mkdtemp('/tmp/isthmus-test-');
  const hosts = Array.from({ length: count }, (_, index) => new SimulatedHost(directory, `host${index + 1}`));
  const twice: string[] = [];
  for (const [index, host] of hosts.entries()) {
    host.tunnelAddress = parseIpv4Address(`192.0.2.${101 + index}`);
    host.onStart = (_kind, id) => {
      if (hosts.some((other) => other !== host && other.isRunning(id))) twice.push(`${id} on ${host.name}`);
    };
    await host.open();
  }
  const parts = await createParts(db, simulatedPower(hosts));
  const zone = await addZone(db);
  const hostIds = await addHosts(db, zone, hosts, parts);
  let monitor = new HostMonitor(parts, holder, { retryAfterMs: 0, ownMachinePatience: 1 });
  let routers = new RouterMonitor(parts);
  const restart = () => {
    monitor = new HostMonitor(parts, holder, { retryAfterMs: 0, ownMachinePatience: 1 });
    routers = new RouterMonitor(parts);
  };
  return {
    db,
    parts,
    hosts,
    hostIds,
    zoneId: zone.zoneId,
    twice,
    network: async (name) => {
      const networkId = await createNetwork(db, zone, name);
      await implementNetwork(parts, networkId);
      const router = await db
        .selectFrom('router')
        .select('id')
        .where('network_id', '=', networkId)
        .executeTakeFirstOrThrow();
      return { networkId, routerId: router.id };
    },
    round: async () => {
      await monitor.round();
      await monitor.settle();
    },
    lookAtRouters: async () => {
      const up = await db.selectFrom('host').select(['id', 'url']).where('state', '=', 'Up').execute();
      for (const { id, url } of up) {
        const reports = await parts.hosts
          .at(url, id)
          .appliances()
          .catch(() => null);
        if (reports !== null) await routers.look(id, reports);
      }
      await routers.settle();
    },
    restart,
    reset: async () => {
      await monitor.settle();
      await clear(database);
      for (const host of hosts) {
        host.appliances.clear();
        host.instances.clear();
        Object.assign(host, { isOn: true, isReachable: true, isControllerReachable: true, guestMtu: null });
      }
      twice.length = 0;
      hostIds.splice(0, hostIds.length, ...(await addHosts(db, zone, hosts, parts)));
      restart();
    },
    close: async () => {
      await monitor.settle();
      parts.agents.close();
      parts.hosts.close();
      for (const host of hosts) await host.close();
      await rm(directory, { recursive: true, force: true });
      await database.close();
    },
  };
}
