// The dnsmasq of a router as a service of the agent: sections `dhcp` and `dns`.
import type { ServiceHealth } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import { checkDhcpHosts, checkDhcpSettings, dhcpClaims, dhcpEntryLine } from '../dhcp.ts';
import { checkDnsRecords, dnsClaims, dnsEntryLine } from '../dns.ts';
import {
  CheckError,
  type CheckFinding,
  type DiagnosticFile,
  type DocumentChange,
  type DocumentFault,
  type EntryChange,
  type HealthCheck,
  type PortableState,
  type RouterService,
  type ServiceContext,
  type ServicePlan,
} from '../service.ts';
import { type DnsmasqLayout, dnsmasqLayout } from './layout.ts';
import { type EntryLine, type LineChange, type LineIndex, wholeChange } from './lines.ts';
import { DnsmasqProbe } from './probing.ts';
import { DnsmasqServer, type ServedChange } from './server.ts';
import { type DnsmasqSettings, dhcpLines, dnsLines, dnsmasqSettings, sameSettings } from './settings.ts';

type Collection = 'dhcp.hosts' | 'dns.records';

/** Changed entries that stand in the document now. */
function upserted<Name extends Collection>(changes: readonly EntryChange<Name>[]) {
  return changes.flatMap(({ id, after }) => (after === undefined ? [] : [[id, after] as const]));
}

/** Faults of values that two entries would share. Costs as much as the change: the rest is in the index. */
function duplicates<Entry>(
  collection: Collection,
  entries: readonly (readonly [id: string, entry: Entry])[],
  claims: (entry: Entry) => readonly string[],
  applied: { readonly index: LineIndex; readonly isReplaced: (id: string) => boolean },
): DocumentFault[] {
  const owners = new Map<string, string>();
  const faults: DocumentFault[] = [];
  for (const [id, entry] of entries) {
    for (const claim of claims(entry)) {
      const appliedOwner = applied.index.owner(claim);
      const isTaken = appliedOwner !== undefined && !applied.isReplaced(appliedOwner);
      const owner = owners.get(claim) ?? (isTaken ? appliedOwner : undefined);
      const [field = '', value = ''] = claim.split(' ');
      if (owner !== undefined && owner !== id) {
        const message = `${value} is also that of ${collection}.${owner}: expected one that no other has`;
        faults.push({ path: `${collection}.${id}.${field}`, message });
      }
      owners.set(claim, id);
    }
  }
  return faults;
}

function lineChanges<Name extends Collection>(
  index: LineIndex,
  changes: readonly EntryChange<Name>[],
  lineOf: (entry: NonNullable<EntryChange<Name>['after']>) => EntryLine,
): LineChange[] {
  return changes
    .map(({ id, after }) => ({ id, before: index.get(id), after: after === undefined ? undefined : lineOf(after) }))
    .filter(({ before, after }) => before?.text !== after?.text);
}

class DnsmasqService implements RouterService {
  readonly name = 'dnsmasq';
  readonly portable: PortableState;
  readonly checks: readonly HealthCheck[];
  readonly #context: ServiceContext;
  readonly #layout: DnsmasqLayout;
  readonly #server: DnsmasqServer;
  readonly #probe: DnsmasqProbe;

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#layout = dnsmasqLayout(context.paths);
    this.#server = new DnsmasqServer(context.host, this.#layout);
    this.#probe = new DnsmasqProbe(context.host, context.isInside === true);
    this.portable = {
      exportState: () => this.#server.exportLeases(),
      importState: (text) => this.#server.importLeases(text),
    };
    this.checks = [
      { name: 'dhcp_check.py', kind: 'advanced', run: () => this.#finding('dhcp') },
      { name: 'dns_check.py', kind: 'advanced', run: () => this.#finding('dns') },
    ];
  }

  async #finding(protocol: 'dhcp' | 'dns'): Promise<CheckFinding> {
    const { settings, dns } = this.#server;
    if (settings === null) return { status: 'UNKNOWN', detail: 'no document is applied' };
    return (await this.#probe.findings(settings, dns.any() ?? null))[protocol];
  }

  diagnosticFiles(): DiagnosticFile[] {
    const { settings } = this.#server;
    const { leases, dhcpHosts, dhcpOptions, dnsHosts, servers, log } = this.#layout;
    return [
      ...(settings === null ? [] : [{ name: 'dnsmasq.conf', path: settings.mainPath }]),
      { name: 'dnsmasq.leases', path: leases },
      { name: 'dnsmasq-dhcp-hosts', path: dhcpHosts },
      { name: 'dnsmasq-dhcp-options', path: dhcpOptions },
      { name: 'dnsmasq-dns-hosts', path: dnsHosts },
      { name: 'dnsmasq-servers', path: servers },
      { name: 'dnsmasq.log', path: log },
    ];
  }

  check(change: DocumentChange): DocumentFault[] {
    const { full, document, sections, entries } = change;
    const isSettings = full || ['dhcp', 'dns', 'routing'].some((name) => sections.has(name as 'dhcp'));
    const hosts = upserted(entries['dhcp.hosts']);
    const records = upserted(entries['dns.records']);
    const changedHosts = new Set(entries['dhcp.hosts'].map(({ id }) => id));
    const changedRecords = new Set(entries['dns.records'].map(({ id }) => id));
    return [
      ...(isSettings ? checkDhcpSettings(document) : []),
      ...checkDhcpHosts(document, isSettings ? document.entries['dhcp.hosts'] : hosts),
      ...duplicates('dhcp.hosts', hosts, dhcpClaims, {
        index: this.#server.dhcp,
        isReplaced: (id) => full || changedHosts.has(id),
      }),
      ...checkDnsRecords(document, isSettings ? document.entries['dns.records'] : records),
      ...duplicates('dns.records', records, dnsClaims, {
        index: this.#server.dns,
        isReplaced: (id) => full || changedRecords.has(id),
      }),
    ];
  }

  plan(change: DocumentChange): ServicePlan | null {
    const before = this.#server.settings;
    const served = this.#served(change, before);
    const isSame = before !== null && sameSettings(served.settings, before);
    const isUnchanged = !served.full && isSame && served.dhcp.length === 0 && served.dns.length === 0;
    return isUnchanged ? null : this.#planOf(served, before);
  }

  #served(change: DocumentChange, before: DnsmasqSettings | null): ServedChange {
    const { document, sections, entries } = change;
    const full = change.full || before === null;
    const isSettings = full || ['dhcp', 'dns', 'routing'].some((name) => sections.has(name as 'dhcp'));
    const settings = isSettings ? dnsmasqSettings(document, this.#layout) : before;
    const { dhcp, dns } = this.#server;
    return {
      full,
      settings,
      dhcp:
        full || settings.dhcpDomain !== before.dhcpDomain
          ? wholeChange(dhcp, dhcpLines(document))
          : lineChanges(dhcp, entries['dhcp.hosts'], (host) => dhcpEntryLine(host, settings.dhcpDomain)),
      dns:
        full || settings.dnsDomain !== before.dnsDomain
          ? wholeChange(dns, dnsLines(document))
          : lineChanges(dns, entries['dns.records'], (record) => dnsEntryLine(record, settings.dnsDomain)),
    };
  }

  #planOf(change: ServedChange, before: DnsmasqSettings | null): ServicePlan {
    const server = this.#server;
    let isApplied = false;
    return {
      stage: () => this.#stage(change.settings, before),
      apply: async () => {
        isApplied = true;
        await server.apply(change);
      },
      verify: async () => {
        if (!(await server.isRunning())) throw new Error('dnsmasq is not running: expected it to serve');
      },
      commit: () => server.settle(),
      revert: async () => {
        if (isApplied) await server.revert(change, before);
      },
    };
  }

  /**
   * dnsmasq's own checker reads a new main configuration. It takes anything in a hosts file, so those are made safe before
   * (each value is of a type that excludes what would need quoting, and the renderer's property tests read back what it
   * writes) and judged after: apply fails, and goes back, where the running dnsmasq complains of a file in its log.
   */
  async #stage(settings: DnsmasqSettings, before: DnsmasqSettings | null): Promise<void> {
    if (settings.mainPath === before?.mainPath) return;
    await this.#server.stageMain(settings);
    try {
      await this.#context.host.commands.run('dnsmasq', ['--test', `--conf-file=${settings.mainPath}`]);
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode === null) throw error;
      const message = 'dnsmasq refused the settings of the sections dhcp and dns';
      throw new CheckError(message, error.stderr, ['dhcp', 'dns'], { cause: error });
    }
  }

  async health(): Promise<ServiceHealth> {
    const fault = await this.#fault();
    return {
      service: this.name,
      healthy: fault === null,
      detail: fault ?? 'answers DHCP and DNS on the guest interface',
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  async #fault(): Promise<string | null> {
    const { settings, dns, lastFailure } = this.#server;
    if (settings === null) return 'no document is applied';
    if (!(await this.#server.isRunning())) return 'dnsmasq is not running';
    await this.#server.boundLog();
    if (lastFailure !== null) return lastFailure;
    return this.#probe.fault(settings, dns.any() ?? null);
  }

  async heal(): Promise<void> {
    this.#probe.reset();
    await this.#server.restart();
  }

  async release(): Promise<void> {
    await this.#server.release();
  }

  async shutdown(): Promise<void> {
    await this.#server.shutdown();
  }
}

/** One dnsmasq for DHCP and DNS. `portable` carries its leases to the router's replacement. */
export function createDnsmasqService(context: ServiceContext): RouterService {
  return new DnsmasqService(context);
}
