// What one dnsmasq process shall serve, what it serves, and the ways from one to the other: nothing, a live file, SIGHUP,
// a restart, an end.
import type { Host } from '@isthmus/host';
import type { RouterPaths } from '../service.ts';
import { Turns } from '../turns.ts';
import { DnsmasqDaemon } from './daemon.ts';
import { type BaseTexts, DnsmasqFiles } from './files.ts';
import { type InstanceName, instanceLayout } from './instances.ts';
import { Ipv6Leases } from './ipv6-leases.ts';
import { DnsmasqLeases } from './leases.ts';
import { type EntryLine, HeldLines, inverse, type LineChange, LineIndex, textOf } from './lines.ts';
import { Quiet } from './quiet.ts';
import { type InstanceSettings, sameInstance } from './settings.ts';

/** Live files after which the base files are written anew, so that a start or a reload never reads many. */
const liveLimit = 64;

/** A change of what one process serves. `full`: what it serves is unknown. `settings` null: it is not wanted. */
export interface ServedChange {
  readonly full: boolean;
  readonly settings: InstanceSettings | null;
  readonly lines: readonly LineChange[];
  /** Lines that are new anywhere in the router: what they lay claim to is given up here first. */
  readonly claims: readonly EntryLine[];
}

/** What stood on disk and ran before this process applied anything. */
interface Found {
  readonly texts: BaseTexts;
  readonly mainPath: string | null;
}

/** True where the line is new. */
export function isAddition({ before, after }: LineChange): boolean {
  return after !== undefined && after.text !== before?.text;
}

/** True where a line of a hosts file has a tag. */
function isTagged(hosts: string): boolean {
  return hosts.includes(',set:');
}

function isRemoval({ before, after }: LineChange): boolean {
  return before !== undefined && after?.text !== before.text;
}

export class DnsmasqServer {
  readonly #files: DnsmasqFiles;
  readonly #daemon: DnsmasqDaemon;
  readonly #leases: DnsmasqLeases;
  /** Of the process for DHCPv6, which has no others. */
  readonly #ipv6Leases: Ipv6Leases | null;
  readonly #turns = new Turns();
  readonly #quiet: Quiet;
  readonly #index = new LineIndex();
  readonly #held = new HeldLines();
  readonly #servesLeases: boolean;
  #settings: InstanceSettings | null = null;
  /** A reserved lease was taken back: look for leases without a host after the next reload. */
  #leasesSuspect = true;
  #found: Found | null = null;
  /**
   * The process has read a host with tags. dnsmasq 2.90 frees such a host's tags at SIGHUP together with others that it has
   * linked to them while it answered, and dies: it is started anew instead.
   */
  #isTagged = false;

  constructor(host: Host, paths: RouterPaths, name: InstanceName) {
    const layout = instanceLayout(paths, name);
    this.#servesLeases = name !== 'dns';
    this.#files = new DnsmasqFiles(host.files, layout);
    // The options file is the last that is read of DHCP; of DNS, the servers come after the hosts without a word.
    this.#daemon = new DnsmasqDaemon(host, layout, this.#servesLeases ? layout.choices : layout.hosts);
    this.#leases = new DnsmasqLeases(host, layout);
    this.#ipv6Leases = name === 'dhcp6' ? new Ipv6Leases(host, layout) : null;
    this.#quiet = new Quiet(host, () => this.#turns.take(() => this.#rewriteWhereDue()));
  }

  /** Null before the first document, and where it is not wanted. */
  get settings(): InstanceSettings | null {
    return this.#settings;
  }

  get index(): LineIndex {
    return this.#index;
  }

  /** Why the last rewrite behind a push failed, or null. */
  get lastFailure(): string | null {
    return this.#quiet.failure;
  }

  /** Writes a main configuration beside the one that serves. */
  async stageMain({ mainPath, main }: InstanceSettings): Promise<void> {
    await this.#files.makeDirectories();
    await this.#files.writeMain(mainPath, main);
  }

  /** True where lines still held lay claim to what one of `lines` does. */
  collidesWith(lines: readonly EntryLine[]): boolean {
    return this.#held.size > 0 && lines.some((line) => this.#held.collidesWith(line));
  }

  /** Serves the change, and resolves when it does. What only goes away goes after `settle`, so that nobody waits for it. */
  async apply(change: ServedChange): Promise<void> {
    const isOnlyLess =
      !this.#needsReload(change) && !change.lines.some(isAddition) && !this.collidesWith(change.claims);
    if (!isOnlyLess) return this.#turns.take(() => this.#applyInTurn(change));
    this.#settings = change.settings;
    this.#replace(change.lines);
  }

  async #applyInTurn(change: ServedChange): Promise<void> {
    this.#found ??= this.#settings === null ? await this.#find() : null;
    this.#isTagged ||= this.#found !== null && isTagged(this.#found.texts.hosts);
    const isWanted = change.settings !== null;
    const needsReload = this.#needsReload(change) || (isWanted && (await this.#daemon.running()) === null);
    this.#settings = change.settings;
    this.#replace(change.lines);
    if (!isWanted) return this.#daemon.stop();
    const added = change.lines.filter(isAddition).flatMap(({ after }) => (after === undefined ? [] : [after]));
    // A line that dnsmasq still holds is served already.
    const missing = added.filter((line) => !this.#held.delete(line));
    if (needsReload || this.collidesWith([...added, ...change.claims])) await this.#rewrite();
    else await this.#add(missing);
  }

  /** Puts back what was before `change`, however far its `apply` came. `settings` null: as this process found it. */
  async revert(change: ServedChange, settings: InstanceSettings | null): Promise<void> {
    await this.#turns.take(async () => {
      this.#replace(inverse(change.lines));
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

  /** True where the process runs with the settings that are wanted, or runs not where it is not wanted. */
  async isAsWanted(): Promise<boolean> {
    return (await this.#daemon.running())?.mainConfig === this.#settings?.mainPath;
  }

  /** True where a process runs, with whatever settings. */
  async isFound(): Promise<boolean> {
    return (await this.#daemon.running()) !== null;
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
    return (this.#ipv6Leases ?? this.#leases).text();
  }

  /** Replaces the leases. Throws ConfigSyntaxError where the text is not a lease file. */
  async importLeases(text: string): Promise<void> {
    await this.#turns.take(async () => {
      await this.#daemon.stop();
      await this.#files.makeDirectories();
      await (this.#ipv6Leases ?? this.#leases).write(text);
      if (this.#settings !== null) await this.#rewrite();
    });
  }

  #needsReload({ full, settings, lines }: ServedChange): boolean {
    const now = this.#settings;
    return (
      full || !sameInstance(now, settings) || lines.some(({ before, after }) => before?.options !== after?.options)
    );
  }

  #replace(lines: readonly LineChange[]): void {
    this.#index.replace(lines);
    this.#isTagged ||= lines.some(({ after }) => after !== undefined && isTagged(after.text));
    for (const each of lines) if (isRemoval(each) && each.before !== undefined) this.#held.add(each.before);
    if (lines.some(isRemoval)) this.#leasesSuspect = this.#servesLeases;
  }

  async #add(lines: readonly EntryLine[]): Promise<void> {
    if (lines.length === 0) return;
    await this.#daemon.afterReading([this.#files.nextPath()], () => this.#files.add(textOf(lines)));
  }

  #rewriteSoon(): void {
    if (this.#settings !== null && (this.#held.size > 0 || this.#files.liveCount >= liveLimit)) this.#quiet.soon();
  }

  async #rewriteWhereDue(): Promise<void> {
    if (this.#held.size === 0 && this.#files.liveCount === 0) return;
    await this.#rewrite();
    // More may have gone while dnsmasq read.
    this.#rewriteSoon();
  }

  /** Writes the whole and has it read: by SIGHUP where the process runs with these settings, else by a start. */
  async #rewrite(): Promise<void> {
    const settings = this.#settings;
    if (settings === null) return;
    const gone = this.#held.lines();
    const isLeasesSuspect = this.#leasesSuspect;
    // The directory of what runs is empty after a boot: where there is none yet, no process was started since.
    const isFirst = !(await this.#files.hasRun());
    await this.#files.makeDirectories();
    await this.#files.rewrite({
      hosts: settings.ownHosts + this.#index.text(),
      choices: settings.choices + this.#index.options(),
    });
    const isRunning = await this.isRunning();
    const isStray = isRunning && isLeasesSuspect && (await this.#ipv6Leases?.hasStray(this.#index, gone)) === true;
    const isReloaded = isRunning && !isStray && !this.#isTagged;
    if (isReloaded) await this.#daemon.reload();
    else await this.#start(settings, gone, isFirst);
    this.#isTagged = isTagged(this.#index.text());
    for (const line of gone) this.#held.delete(line);
    if (!this.#servesLeases) return;
    if (isReloaded && isLeasesSuspect && this.#ipv6Leases === null)
      await this.#leases.release(this.#index, settings.interface);
    this.#leasesSuspect = this.#held.size > 0;
  }

  async #start(settings: InstanceSettings, gone: readonly EntryLine[], isFirst: boolean): Promise<void> {
    if (!isFirst) await this.#daemon.stop();
    await this.#files.writeMain(settings.mainPath, settings.main);
    if (this.#ipv6Leases !== null) await this.#ipv6Leases.prune(this.#index, gone);
    else if (this.#servesLeases) await this.#leases.prune(this.#index);
    await this.#daemon.start(settings.mainPath);
  }

  async #find(): Promise<Found> {
    const running = await this.#daemon.running();
    return { texts: await this.#files.found(), mainPath: running?.mainConfig ?? null };
  }

  async #putBack({ texts, mainPath }: Found): Promise<void> {
    await this.#files.rewrite(texts);
    const running = await this.#daemon.running();
    if (mainPath !== null && running?.mainConfig === mainPath && !this.#isTagged) return this.#daemon.reload();
    await this.#daemon.stop();
    if (mainPath !== null) await this.#daemon.start(mainPath);
  }
}
