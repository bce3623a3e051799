// The machinery behind the commands: drives hosts and routers until they are as the rows ask.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PowerControl } from '../drivers/ipmi.ts';
import { parameterError } from '../model/api-error.ts';
import type { Orchestration } from '../model/orchestration.ts';
import type { Sealer } from '../pki/sealer.ts';
import type { Db } from '../store/database.ts';
import type { DiagnosticsBundles } from '../store/diagnostics-bundle.ts';
import type { ImageStore } from '../store/image.ts';
import type { Log } from '../store/log.ts';
import type { TemplateDisks } from '../store/template-disk.ts';
import { CertificateRotation } from './certificate-rotation.ts';
import { Certificates } from './certificates.ts';
import { Coalescer } from './coalescer.ts';
import { startConsoles } from './console/index.ts';
import { healthOrchestration } from './health-orchestration.ts';
import { HostMonitor } from './host-monitor.ts';
import { hostOrchestration } from './host-orchestration.ts';
import { Hosts, onHost } from './hosts.ts';
import { inspectTemplateDisk, registerImages } from './images.ts';
import { loadBalancerStatistics } from './load-balancer-statistics.ts';
import { meteringRound } from './metering.ts';
import { monitor } from './monitor.ts';
import * as network from './network.ts';
import * as nics from './nics.ts';
import type { Parts } from './parts.ts';
import { patchRouter } from './patch.ts';
import { releasePublicIpAddress } from './public-ip-address.ts';
import { settleReplacement } from './replacement.ts';
import * as router from './router.ts';
import { RouterAgents } from './router-agents.ts';
import { RouterHealthMonitor } from './router-health-monitor.ts';
import { RouterMonitor } from './router-monitor.ts';
import { type Refusals, RouterPusher } from './router-pusher.ts';
import { settleRule } from './settle-rule.ts';
import { systemVmOrchestration } from './system-vm/index.ts';
import { SystemVmMonitor } from './system-vm/system-vm-monitor.ts';
import { twinOf } from './twin-host.ts';
import * as virtualMachine from './virtual-machine.ts';
import { WorkLock } from './work-lock.ts';

export interface OrchestrationOptions {
  readonly db: Db;
  /** Of the same database: notices need a connection of their own. */
  readonly databaseUrl: string;
  readonly log: Log;
  /** Names this orchestrator for good, such as its installation and host name: it takes its own leases again after a crash. */
  readonly holder: string;
  /** Id of the installation, which certificates name. */
  readonly installation: string;
  /** Seals the CA's key and other secrets of the database. */
  readonly sealer: Sealer;
  /** Switches hosts off. */
  readonly power: PowerControl;
  readonly images: ImageStore;
  readonly templateDisks: TemplateDisks;
  readonly bundles: DiagnosticsBundles;
  /** Settings of the installation with their defaults. */
  readonly setting: (name: string) => Promise<string>;
  /** Milliseconds between two rounds of the monitor. Default 5,000. */
  readonly monitorEveryMs?: number;
}

export interface RunningOrchestration extends Orchestration {
  /** Pushes sent to routers since start. */
  pushes(): number;
  /** Ends the monitor and waits for its round. */
  stop(): Promise<void>;
}

/** Starts the machinery. The database is migrated already. */
export async function startOrchestration(options: OrchestrationOptions): Promise<RunningOrchestration> {
  const { db, log } = options;
  await db
    .insertInto('configuration')
    .values({ name: 'store.epoch', value: crypto.randomUUID() })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { sealer, setting, images, templateDisks } = options;
  const certificates = await Certificates.open(options);
  const { identity } = certificates;
  const hosts = new Hosts(db, identity);
  const agents = new RouterAgents({ db, hosts, identity });
  const lock = new WorkLock(db, options.holder, 'network');
  const systemVmLock = new WorkLock(db, options.holder, 'system-vm');
  const pusher = new RouterPusher({ db, agents, log, sealer });
  const updates = new Coalescer<Refusals>((networkId) =>
    lock.hold(networkId, (lease) => pusher.bringUpToDate(networkId, lease)),
  );
  await registerImages(images, log);
  await templateDisks.resume();
  const ending = new AbortController();
  const parts: Parts = {
    db,
    log,
    hosts,
    agents,
    certificates,
    sealer,
    images,
    bundles: options.bundles,
    power: options.power,
    lock,
    systemVmLock,
    pusher,
    updates,
    setting,
    ending: ending.signal,
  };
  lock.settle = (networkId, lease) => settleReplacement(parts, networkId, lease);
  const rounds = runMonitor(parts, options.holder, options.monitorEveryMs ?? 5_000, ending.signal);
  const consoles = startConsoles(parts, options);
  const watch = runHostMonitor(new HostMonitor(parts, options.holder), log, ending.signal);
  return {
    ...hostOrchestration(parts),
    ...healthOrchestration(parts),
    ...consoles.orchestration,
    ...systemVmOrchestration(parts),
    settleRule: (table, id) => settleRule(parts, table, id),
    loadBalancerStatistics: (networkId) => loadBalancerStatistics(parts, networkId),
    applyChanges: async (id) => {
      // Rules that were refused are put back; whether the rest is taken in, the next push tells.
      if ((await updates.request(id)).size > 0) await updates.request(id);
    },
    implementNetwork: (id) => network.implementNetwork(parts, id),
    restartNetwork: (id, { cleanup }) => network.restartNetwork(parts, id, cleanup),
    shutdownNetwork: (id) => network.shutdownNetwork(parts, id),
    deleteNetwork: (id) => network.deleteNetwork(parts, id),
    startVirtualMachine: (id) => virtualMachine.startVirtualMachine(parts, id),
    stopVirtualMachine: (id, { forced }) => virtualMachine.stopVirtualMachine(parts, id, forced),
    rebootVirtualMachine: (id) => virtualMachine.rebootVirtualMachine(parts, id),
    destroyVirtualMachine: (id, { expunge }) => virtualMachine.destroyVirtualMachine(parts, id, expunge),
    plugNics: (id) => nics.plugNics(parts, id),
    removeNic: (id) => nics.removeNic(parts, id),
    settleNics: (id) => nics.settleNics(parts, id),
    startRouter: (id) => router.startRouter(parts, id),
    stopRouter: (id, { forced }) => router.stopRouter(parts, id, forced),
    rebootRouter: (id) => router.rebootRouter(parts, id),
    destroyRouter: (id) => router.destroyRouter(parts, id),
    patchRouter: (id, { forced }) => patchRouter(parts, id, forced),
    collectUsage: () => meteringRound(parts, true),
    releasePublicIpAddress: (id) => releasePublicIpAddress(parts, id),
    probeHost: (url) => probeHost(parts, url),
    inspectTemplateDisk: (path) => inspectTemplateDisk(templateDisks, path),
    importTemplate: (id) => templateDisks.begin(id),
    deleteTemplate: (id) => templateDisks.remove(id),
    pushes: () => pusher.pushes,
    stop: async () => {
      ending.abort();
      await Promise.all([rounds, watch, consoles.stop()]);
      await templateDisks.settle();
      agents.close();
      hosts.close();
    },
  };
}

async function runMonitor(parts: Parts, holder: string, everyMs: number, signal: AbortSignal): Promise<void> {
  const routers = new RouterMonitor(parts);
  const systemVms = new SystemVmMonitor(parts);
  const health = new RouterHealthMonitor(parts);
  const rotation = new CertificateRotation(parts);
  while (!signal.aborted) {
    try {
      await parts.certificates.refresh();
      await monitor(parts, { routers, systemVms, health, rotation }, holder);
    } catch (error) {
      parts.log.error('the monitor failed', { error: String(error) });
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  await routers.settle();
  await systemVms.settle();
  await health.settle();
}

async function runHostMonitor(hosts: HostMonitor, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    let everyMs = 1_000;
    try {
      everyMs = await hosts.intervalMs();
      await hosts.round();
    } catch (error) {
      log.error('the host monitor failed', { error: String(error) });
    }
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  await hosts.settle();
}

async function probeHost(parts: Parts, url: string): ReturnType<Orchestration['probeHost']> {
  const report = await onHost(async () => parts.hosts.at(url).report());
  const twin = await twinOf(parts, report, null);
  if (twin !== null) throw parameterError('url', url, `a host that was not added yet; it is host ${twin}`);
  const { hostname, driver, cpus, memoryBytes, version } = report;
  return { name: hostname, driver, cpus, memoryBytes, version };
}
