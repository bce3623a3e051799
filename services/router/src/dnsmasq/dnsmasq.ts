// The dnsmasq processes of a router as one service of the agent: sections `dhcp` and `dns`.
import type { ServiceHealth } from '@isthmus/contract';
import { CommandError } from '@isthmus/host';
import {
  checkDhcpHosts,
  checkDhcpSettings,
  dhcpClaims,
  dhcpEntryLine,
  dhcpIpv6Claims,
  dhcpIpv6EntryLine,
} from '../dhcp.ts';
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
import { type InstanceName, instanceLayout, isDhcpv4 } from './instances.ts';
import { type EntryLine, isSameLine, type LineChange, LineIndex, wholeChange } from './lines.ts';
import { type Asked, DnsmasqProbe } from './probing.ts';
import { DnsmasqProcesses } from './processes.ts';
import {
  type DnsmasqSettings,
  dhcpIpv6Lines,
  dhcpLines,
  dnsLines,
  dnsmasqSettings,
  type RouterChange,
  sameSettings,
} from './settings.ts';

type Collection = 'dhcp.hosts' | 'dns.records';

/** Sections that the settings of the processes are made of. */
const heeded = ['dhcp', 'dns', 'routing', 'metadata'] as const;

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
  lineOf: (entry: NonNullable<EntryChange<Name>['after']>) => EntryLine | undefined,
): LineChange[] {
  return changes
    .map(({ id, after }) => ({ id, before: index.get(id), after: after === undefined ? undefined : lineOf(after) }))
    .filter(({ before, after }) => !isSameLine(before, after));
}

class DnsmasqService implements RouterService {
  readonly name = 'dnsmasq';
  readonly portable: PortableState;
  readonly checks: readonly HealthCheck[];
  readonly #context: ServiceContext;
  readonly #processes: DnsmasqProcesses;
  readonly #probe: DnsmasqProbe;
  /** Every host and every record, whichever process answers it. */
  readonly #hosts = new LineIndex();
  readonly #ipv6Hosts = new LineIndex();
  readonly #records = new LineIndex();

  constructor(context: ServiceContext) {
    this.#context = context;
    this.#processes = new DnsmasqProcesses(context.host, context.paths, context.isInside === true);
    this.#probe = new DnsmasqProbe(context.host, context.isInside === true);
    this.portable = {
      exportState: () => this.#processes.exportLeases(),
      importState: (text) => this.#processes.importLeases(text),
    };
    this.checks = [
      { name: 'dhcp_check.py', kind: 'advanced', run: () => this.#finding('dhcp') },
      { name: 'dns_check.py', kind: 'advanced', run: () => this.#finding('dns') },
    ];
  }

  async #finding(protocol: 'dhcp' | 'dns'): Promise<CheckFinding> {
    const { settings } = this.#processes;
    if (settings === null) return { status: 'UNKNOWN', detail: 'no document is applied' };
    return (await this.#probe.findings(this.#asked(settings)))[protocol];
  }

  diagnosticFiles(): DiagnosticFile[] {
    const instances = [...(this.#processes.settings?.instances ?? [])];
    return instances.flatMap(([name, { mainPath }]) => this.#filesOf(name, mainPath));
  }

  #filesOf(name: InstanceName, mainPath: string): DiagnosticFile[] {
    const { leases, hosts, choices, log } = instanceLayout(this.#context.paths, name);
    return [
      { name: `dnsmasq-${name}.conf`, path: mainPath },
      { name: `dnsmasq-${name}-hosts`, path: hosts },
      { name: `dnsmasq-${name}-${name === 'dns' ? 'servers' : 'options'}`, path: choices },
      ...(name === 'dns' ? [] : [{ name: `dnsmasq-${name}.leases`, path: leases }]),
      { name: `dnsmasq-${name}.log`, path: log },
    ];
  }

  check(change: DocumentChange): DocumentFault[] {
    const { full, document, sections, entries } = change;
    const isSettings = full || heeded.some((name) => sections.has(name));
    const hosts = upserted(entries['dhcp.hosts']);
    const records = upserted(entries['dns.records']);
    const changedHosts = new Set(entries['dhcp.hosts'].map(({ id }) => id));
    const changedRecords = new Set(entries['dns.records'].map(({ id }) => id));
    return [
      ...(isSettings ? checkDhcpSettings(document) : []),
      ...checkDhcpHosts(document, isSettings ? document.entries['dhcp.hosts'] : hosts),
      ...duplicates('dhcp.hosts', hosts, dhcpClaims, {
        index: this.#hosts,
        isReplaced: (id) => full || changedHosts.has(id),
      }),
      ...duplicates('dhcp.hosts', hosts, (host) => dhcpIpv6Claims(host).slice(0, 1), {
        index: this.#ipv6Hosts,
        isReplaced: (id) => full || changedHosts.has(id),
      }),
      ...checkDnsRecords(document, isSettings ? document.entries['dns.records'] : records),
      ...duplicates('dns.records', records, dnsClaims, {
        index: this.#records,
        isReplaced: (id) => full || changedRecords.has(id),
      }),
    ];
  }

  plan(change: DocumentChange): ServicePlan | null {
    const before = this.#processes.settings;
    const next = this.#next(change, before);
    const isSame = before !== null && sameSettings(next.settings, before);
    const isUnchanged =
      !next.full && isSame && next.dhcp.length === 0 && next.dhcpIpv6.length === 0 && next.dns.length === 0;
    return isUnchanged ? null : this.#planOf(next, before);
  }

  #next(change: DocumentChange, before: DnsmasqSettings | null): RouterChange {
    const { document, sections, entries } = change;
    const full = change.full || before === null;
    const isSettings = full || heeded.some((name) => sections.has(name));
    const settings = isSettings ? dnsmasqSettings(document, this.#context.paths) : before;
    return {
      full,
      settings,
      dhcp:
        full || settings.dhcpDomain !== before.dhcpDomain
          ? wholeChange(this.#hosts, dhcpLines(document))
          : lineChanges(this.#hosts, entries['dhcp.hosts'], (host) => dhcpEntryLine(host, settings.dhcpDomain)),
      dhcpIpv6: this.#ipv6Changes(change, full, settings, before),
      dns:
        full || settings.dnsDomain !== before.dnsDomain
          ? wholeChange(this.#records, dnsLines(document))
          : lineChanges(this.#records, entries['dns.records'], (record) => dnsEntryLine(record, settings.dnsDomain)),
    };
  }

  #ipv6Changes(
    { document, entries }: DocumentChange,
    full: boolean,
    settings: DnsmasqSettings,
    before: DnsmasqSettings | null,
  ): LineChange[] {
    const isWhole = full || settings.dhcpDomain !== before?.dhcpDomain || settings.hasIpv6 !== before.hasIpv6;
    if (isWhole) return wholeChange(this.#ipv6Hosts, settings.hasIpv6 ? dhcpIpv6Lines(document) : new Map());
    if (!settings.hasIpv6) return [];
    return lineChanges(this.#ipv6Hosts, entries['dhcp.hosts'], (host) => dhcpIpv6EntryLine(host, settings.dhcpDomain));
  }

  #planOf(change: RouterChange, before: DnsmasqSettings | null): ServicePlan {
    const processes = this.#processes;
    let revert: (() => Promise<void>) | null = null;
    return {
      stage: () => this.#stage(change.settings, before),
      apply: async () => {
        revert = processes.begin(change, {
          hosts: this.#hosts,
          ipv6Hosts: this.#ipv6Hosts,
          records: this.#records,
        });
        await processes.apply(change.settings);
      },
      verify: () => processes.verify(),
      commit: () => processes.settle(),
      revert: async () => {
        await revert?.();
      },
    };
  }

  /**
   * dnsmasq's own checker reads a new main configuration. It takes anything in a hosts file, so those are made safe before
   * (each value is of a type that excludes what would need quoting, and the renderer's property tests read back what it
   * writes) and judged after: apply fails, and goes back, where the running dnsmasq complains of a file in its log. The
   * processes that share DHCP differ in their port and paths alone, so one speaks for all: in a VM under emulation each
   * check costs a fifth of a second of the boot. Where none runs, as at a boot, none is harmed by what its successor would
   * refuse at its start.
   */
  async #stage(settings: DnsmasqSettings, before: DnsmasqSettings | null): Promise<void> {
    let isShareJudged = false;
    for (const [name, instance] of settings.instances) {
      if (instance.mainPath === before?.instances.get(name)?.mainPath) continue;
      if (isShareJudged && isDhcpv4(name)) continue;
      isShareJudged ||= isDhcpv4(name);
      if (before === null && !(await this.#processes.isFound(name))) continue;
      await this.#processes.stageMain(name, instance);
      try {
        await this.#context.host.commands.run('dnsmasq', ['--test', `--conf-file=${instance.mainPath}`]);
      } catch (error) {
        if (!(error instanceof CommandError) || error.exitCode === null) throw error;
        const message = 'dnsmasq refused the settings of the sections dhcp and dns';
        throw new CheckError(message, error.stderr, ['dhcp', 'dns'], { cause: error });
      }
    }
  }

  async health(): Promise<ServiceHealth> {
    const fault = await this.#fault();
    return {
      service: this.name,
      healthy: fault === null,
      detail: fault ?? 'answers what it is asked on the guest interface',
      checkedAt: new Date(this.#context.host.clock.now()).toISOString(),
    };
  }

  async #fault(): Promise<string | null> {
    const { settings } = this.#processes;
    if (settings === null) return 'no document is applied';
    const fault = await this.#processes.fault();
    return fault ?? this.#probe.fault(this.#asked(settings));
  }

  #asked(settings: DnsmasqSettings): Asked {
    return { settings, shares: this.#processes.servedShares, record: this.#records.any() ?? null };
  }

  whenIdle(): Promise<void> {
    return this.#processes.startNext();
  }

  async heal(): Promise<void> {
    this.#probe.reset();
    await this.#processes.restart();
  }

  async release(): Promise<void> {
    await this.#processes.release();
  }

  async shutdown(): Promise<void> {
    await this.#processes.shutdown();
  }
}

/** dnsmasq for DHCP and DNS. `portable` carries its leases to the router's replacement. */
export function createDnsmasqService(context: ServiceContext): RouterService {
  return new DnsmasqService(context);
}
