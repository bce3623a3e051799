// What dnsmasq shall serve, what it serves, and the ways from one to the other: nothing, a live file, SIGHUP, a restart.
import type { Host } from '@isthmus/host';
import { DnsmasqDaemon } from './daemon.ts';
import { type BaseTexts, DnsmasqFiles } from './files.ts';
import type { DnsmasqLayout } from './layout.ts';
import { DnsmasqLeases } from './leases.ts';
import { type EntryLine, HeldLines, inverse, type LineChange, LineIndex, textOf } from './lines.ts';
import { Quiet } from './quiet.ts';
import type { DnsmasqSettings } from './settings.ts';
import { Turns } from './turns.ts';

/** Live files after which the base files are written anew, so that a start or a reload never reads many. */
const liveLimit = 64;

/** A change of what is served. `full`: what dnsmasq serves is unknown. */
export interface ServedChange {
  readonly full: boolean;
  readonly settings: DnsmasqSettings;
  readonly dhcp: readonly LineChange[];
  readonly dns: readonly LineChange[];
}

/** What stood on disk and ran before this process applied anything. */
interface Found {
  readonly texts: BaseTexts;
  readonly mainPath: string | null;
}

interface HostsFile {
  readonly index: LineIndex;
  readonly held: HeldLines;
}

function isAddition({ before, after }: LineChange): boolean {
  return after !== undefined && after.text !== before?.text;
}

function isRemoval({ before, after }: LineChange): boolean {
  return before !== undefined && after?.text !== before.text;
}

export class DnsmasqServer {
  readonly #files: DnsmasqFiles;
  readonly #daemon: DnsmasqDaemon;
  readonly #leases: DnsmasqLeases;
  readonly #turns = new Turns();
  readonly #quiet: Quiet;
  readonly #dhcp: HostsFile = { index: new LineIndex(), held: new HeldLines() };
  readonly #dns: HostsFile = { index: new LineIndex(), held: new HeldLines() };
  #settings: DnsmasqSettings | null = null;
  /** A reserved lease was taken back: look for leases without a host after the next reload. */
  #leasesSuspect = true;
  #found: Found | null = null;

  constructor(host: Host, layout: DnsmasqLayout) {
    this.#files = new DnsmasqFiles(host.files, layout);
    this.#daemon = new DnsmasqDaemon(host, layout);
    this.#leases = new DnsmasqLeases(host, layout);
    this.#quiet = new Quiet(host, () => this.#turns.take(() => this.#rewriteWhereDue()));
  }

  /** Null before the first document. */
  get settings(): DnsmasqSettings | null {
    return this.#settings;
  }

  get dhcp(): LineIndex {
    return this.#dhcp.index;
  }

  get dns(): LineIndex {
    return this.#dns.index;
  }

  /** Why the last rewrite behind a push failed, or null. */
  get lastFailure(): string | null {
    return this.#quiet.failure;
  }

  /** Writes a main configuration beside the one that serves. */
  async stageMain({ mainPath, main }: DnsmasqSettings): Promise<void> {
    await this.#files.makeDirectories();
    await this.#files.writeMain(mainPath, main);
  }

  /** Serves the change, and resolves when it does. What only goes away goes after `settle`, so that nobody waits for it. */
  async apply(change: ServedChange): Promise<void> {
    const isOnlyLess = !this.#needsReload(change) && ![...change.dhcp, ...change.dns].some(isAddition);
    if (!isOnlyLess) return this.#turns.take(() => this.#applyInTurn(change));
    this.#settings = change.settings;
    this.#replace(change);
  }

  async #applyInTurn(change: ServedChange): Promise<void> {
    this.#found ??= this.#settings === null ? await this.#find() : null;
    const needsReload = this.#needsReload(change) || (await this.#daemon.running()) === null;
    this.#settings = change.settings;
    this.#replace(change);
    const dhcp = this.#dhcp.held;
    const dns = this.#dns.held;
    const newHosts = change.dhcp.filter(isAddition).flatMap(({ after }) => (after === undefined ? [] : [after]));
    const newRecords = change.dns.filter(isAddition).flatMap(({ after }) => (after === undefined ? [] : [after]));
    // A line that dnsmasq still holds is served already.
    const missingHosts = newHosts.filter((line) => !dhcp.delete(line));
    const missingRecords = newRecords.filter((line) => !dns.delete(line));
    const isTaken = (held: HeldLines) => (line: EntryLine) => held.collidesWith(line);
    if (needsReload || newHosts.some(isTaken(dhcp)) || newRecords.some(isTaken(dns))) await this.#rewrite();
    else await this.#add(missingHosts, missingRecords);
  }

  /** Puts back what was before `change`, however far its `apply` came. `settings` null: as this process found it. */
  async revert(change: ServedChange, settings: DnsmasqSettings | null): Promise<void> {
    await this.#turns.take(async () => {
      this.#replace({ ...change, dhcp: inverse(change.dhcp), dns: inverse(change.dns) });
      this.#settings = settings;
      if (settings !== null) await this.#rewrite();
      else if (this.#found !== null) await this.#putBack(this.#found);
    });
  }

  /** After a push: what was found before is forgotten, and what is no longer wanted goes soon. */
  async settle(): Promise<void> {
    this.#found = null;
    if (this.#settings !== null) await this.#files.removeOtherMains(this.#settings.mainPath);
    this.#rewriteSoon();
  }

  /** True where the process runs with the settings that are wanted. */
  async isRunning(): Promise<boolean> {
    const running = await this.#daemon.running();
    return running !== null && running.mainConfig === this.#settings?.mainPath;
  }

  /** Keeps the log, which lies in memory in a VM, in bounds. */
  async boundLog(): Promise<void> {
    if (await this.#daemon.isLogLong()) await this.#turns.take(() => this.#daemon.cutLog());
  }

  /** Ends the process where it runs, and starts it with all that is wanted. */
  async restart(): Promise<void> {
    await this.#turns.take(async () => {
      await this.#daemon.stop();
      if (this.#settings !== null) await this.#rewrite();
    });
  }

  /** What is still to go, goes now; then no timer is left. */
  async release(): Promise<void> {
    await this.#quiet.end();
    if (this.#settings !== null && (await this.isRunning())) await this.#turns.take(() => this.#rewriteWhereDue());
  }

  async shutdown(): Promise<void> {
    await this.#quiet.end();
    await this.#turns.take(() => this.#daemon.stop());
  }

  exportLeases(): Promise<string> {
    return this.#leases.text();
  }

  /** Replaces the leases. Throws ConfigSyntaxError where the text is not a lease file. */
  async importLeases(text: string): Promise<void> {
    await this.#turns.take(async () => {
      await this.#daemon.stop();
      await this.#files.makeDirectories();
      await this.#leases.write(text);
      if (this.#settings !== null) await this.#rewrite();
    });
  }

  #needsReload({ full, settings }: ServedChange): boolean {
    const now = this.#settings;
    return (
      full ||
      now === null ||
      now.mainPath !== settings.mainPath ||
      now.dhcpOptions !== settings.dhcpOptions ||
      now.servers !== settings.servers
    );
  }

  #replace(change: Pick<ServedChange, 'dhcp' | 'dns'>): void {
    for (const name of ['dhcp', 'dns'] as const) {
      const { index, held } = name === 'dhcp' ? this.#dhcp : this.#dns;
      index.replace(change[name]);
      for (const each of change[name]) if (isRemoval(each) && each.before !== undefined) held.add(each.before);
    }
    if (change.dhcp.some(isRemoval)) this.#leasesSuspect = true;
  }

  async #add(hosts: readonly EntryLine[], records: readonly EntryLine[]): Promise<void> {
    if (hosts.length === 0 && records.length === 0) return;
    const additions = this.#files.addition({ dhcpHosts: textOf(hosts), dnsHosts: textOf(records) });
    const paths = additions.map(({ path }) => path);
    await this.#daemon.afterReading(paths, () => this.#files.add(additions));
  }

  #rewriteSoon(): void {
    const isDue = this.#dhcp.held.size > 0 || this.#dns.held.size > 0 || this.#files.liveCount >= liveLimit;
    if (isDue) this.#quiet.soon();
  }

  async #rewriteWhereDue(): Promise<void> {
    const isDue = this.#dhcp.held.size > 0 || this.#dns.held.size > 0 || this.#files.liveCount > 0;
    if (!isDue) return;
    await this.#rewrite();
    // More may have gone while dnsmasq read.
    this.#rewriteSoon();
  }

  /** Writes the whole and has it read: by SIGHUP where the process runs with these settings, else by a start. */
  async #rewrite(): Promise<void> {
    const settings = this.#settings;
    if (settings === null) return;
    const gone = { dhcp: this.#dhcp.held.lines(), dns: this.#dns.held.lines() };
    const isLeasesSuspect = this.#leasesSuspect;
    await this.#files.makeDirectories();
    await this.#files.rewrite({
      dhcpHosts: this.#dhcp.index.text(),
      dnsHosts: this.#dns.index.text(),
      dhcpOptions: settings.dhcpOptions,
      servers: settings.servers,
    });
    const isRunning = await this.isRunning();
    if (isRunning) await this.#daemon.reload();
    else await this.#start(settings);
    for (const line of gone.dhcp) this.#dhcp.held.delete(line);
    for (const line of gone.dns) this.#dns.held.delete(line);
    if (isRunning && isLeasesSuspect) await this.#leases.release(this.#dhcp.index, settings.interface);
    this.#leasesSuspect = this.#dhcp.held.size > 0;
  }

  async #start(settings: DnsmasqSettings): Promise<void> {
    await this.#daemon.stop();
    await this.#files.writeMain(settings.mainPath, settings.main);
    await this.#leases.prune(this.#dhcp.index);
    await this.#daemon.start(settings.mainPath);
  }

  async #find(): Promise<Found> {
    const running = await this.#daemon.running();
    return { texts: await this.#files.found(), mainPath: running?.mainConfig ?? null };
  }

  async #putBack({ texts, mainPath }: Found): Promise<void> {
    await this.#files.rewrite(texts);
    const running = await this.#daemon.running();
    if (mainPath !== null && running?.mainConfig === mainPath) return this.#daemon.reload();
    await this.#daemon.stop();
    if (mainPath !== null) await this.#daemon.start(mainPath);
  }
}
