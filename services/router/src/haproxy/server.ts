// What one router's HAProxy serves, moved from one state to the next and back.

import { parseServersState, runtime } from '@isthmus/haproxy-config';
import type { Host } from '@isthmus/host';
import { certificatePath } from '@isthmus/templates/load-balancing';
import type { DocumentChange } from '../service.ts';
import { checkStaged } from './check-staged.ts';
import { HaproxyDaemon, HaproxyError } from './daemon.ts';
import { HaproxyFiles, type Texts } from './files.ts';
import type { HaproxyLayout } from './layout.ts';
import { LeavingMembers, memberStep } from './members.ts';
import {
  BalancerEntries,
  certificateTexts,
  globalTexts,
  type LoadBalancingSettings,
  type Proxied,
  type ProxyChange,
  proxyTexts,
  touchedRules,
} from './proxies.ts';
import { SocketError } from './socket.ts';
import { BalancerStatistics } from './statistics.ts';

/** How HAProxy comes to serve what its files say. */
type Way = 'nothing' | 'runtime' | 'reload' | 'start' | 'leave';

/** One change, worked out. */
export interface Work {
  readonly way: Way;
  readonly changes: readonly ProxyChange[];
  /** Files to write, and what they were. */
  readonly texts: Texts;
  readonly before: Texts;
  /** Ids of certificates with a new content behind listeners that stay. */
  readonly exchanged: readonly string[];
  readonly undo: () => void;
}

function certificatesOf(proxies: Iterable<Proxied>): Set<string> {
  const ids = new Set<string>();
  for (const { certificates } of proxies) for (const id of certificates) ids.add(id);
  return ids;
}

/** What is served, the files that say so, and the daemon that reads them, kept equal. */
export class HaproxyServer {
  readonly daemon: HaproxyDaemon;
  readonly leaving: LeavingMembers;
  readonly statistics: BalancerStatistics;
  readonly #host: Host;
  readonly #layout: HaproxyLayout;
  readonly #files: HaproxyFiles;
  readonly #served = new Map<string, Proxied>();
  /** What lies on the disk, by path. */
  readonly #texts = new Map<string, string>();
  #entries: BalancerEntries | null = null;

  constructor(host: Host, layout: HaproxyLayout) {
    this.#host = host;
    this.#layout = layout;
    this.#files = new HaproxyFiles(host.files, layout);
    this.daemon = new HaproxyDaemon(host, layout);
    this.leaving = new LeavingMembers(this.daemon, host.clock);
    this.statistics = new BalancerStatistics(host, this.daemon, layout);
  }

  /** Null until a document was applied. */
  get entries(): BalancerEntries | null {
    return this.#entries;
  }

  get served(): ReadonlyMap<string, Proxied> {
    return this.#served;
  }

  get settings(): LoadBalancingSettings | null {
    return this.#entries?.settings ?? null;
  }

  /** Works out a change and makes the model its own; `undo` of the answer takes the model back. */
  async prepare(change: DocumentChange): Promise<Work> {
    const entries = this.#entries;
    if (change.full || entries === null) return this.#prepareWhole(change);
    const undoEntries = entries.advance(change);
    const isWhole = change.sections.has('loadBalancing');
    const ids = isWhole ? new Set([...entries.rules.keys(), ...this.#served.keys()]) : touchedRules(change);
    return this.#work(entries, ids, undoEntries, isWhole);
  }

  /** The agent knows nothing of what runs: finds it out. */
  async #prepareWhole(change: DocumentChange): Promise<Work> {
    const [entriesBefore, servedBefore, textsBefore] = [this.#entries, [...this.#served], [...this.#texts]];
    const entries = BalancerEntries.of(change);
    this.#entries = entries;
    this.#texts.clear();
    for (const [path, text] of await this.#files.found()) this.#texts.set(path, text);
    const found = new Map(this.#texts);
    this.#served.clear();
    const undo = () => {
      this.#entries = entriesBefore;
      replaceAll(this.#served, servedBefore);
      replaceAll(this.#texts, textsBefore);
    };
    const work = this.#work(entries, new Set(entries.rules.keys()), undo, true);
    // What lies there and belongs to no rule goes.
    const texts = new Map(work.texts);
    const kept = this.#wantedPaths(entries);
    for (const path of found.keys()) if (!kept.has(path)) texts.set(path, null);
    const before = new Map([...texts.keys()].map((path) => [path, found.get(path) ?? null]));
    return { ...work, texts, before, way: await this.#wayOfWhole(texts.size > 0), exchanged: [] };
  }

  async #wayOfWhole(differs: boolean): Promise<Way> {
    const isRunning = (await this.daemon.master()) !== null;
    if (this.#served.size === 0) return isRunning ? 'leave' : 'nothing';
    if (!isRunning) return 'start';
    if (differs || (await this.#host.files.exists(this.#layout.unsettled))) return 'reload';
    return (await this.#runsAsWritten()) ? 'nothing' : 'reload';
  }

  /** An agent that ended between a file and its command left a member that runs otherwise than it is written. */
  async #runsAsWritten(): Promise<boolean> {
    const states = parseServersState((await this.daemon.tell([runtime.showServersState()])).join('\n'));
    const running = states
      .filter(({ proxy, isMaintained }) => proxy.startsWith('r-') && !isMaintained)
      .map(({ proxy, server, address, port, weight }) => `${proxy}/${server} ${address}:${port} ${weight}`);
    const written = [...this.#served.values()].flatMap(({ proxy }) =>
      proxy.servers.map(({ name, address, port, weight }) => `${proxy.name}/${name} ${address}:${port} ${weight}`),
    );
    return running.sort().join('\n') === written.sort().join('\n');
  }

  #work(entries: BalancerEntries, ids: ReadonlySet<string>, undoEntries: () => void, isWhole: boolean): Work {
    const usedBefore = certificatesOf(this.#served.values());
    const changes: ProxyChange[] = [];
    const texts = new Map<string, string | null>();
    for (const id of ids) {
      const [before, after] = [this.#served.get(id) ?? null, entries.proxied(id, this.#layout)];
      for (const [path, text] of proxyTexts(id, after, this.#layout)) texts.set(path, text);
      if (before?.text === after?.text && before?.certificates.join() === after?.certificates.join()) continue;
      changes.push({ id, before, after });
    }
    const countBefore = this.#served.size;
    for (const { id, after } of changes) {
      if (after === null) this.#served.delete(id);
      else this.#served.set(id, after);
    }
    const used = certificatesOf(this.#served.values());
    for (const id of usedBefore) if (!used.has(id)) texts.set(certificatePath(this.#layout, id), null);
    for (const [path, text] of certificateTexts(used, entries, this.#layout)) texts.set(path, text);
    // A file that stays as it is drops out below.
    if ((isWhole || countBefore === 0) && this.#served.size > 0 && entries.settings !== null) {
      for (const [path, text] of globalTexts(entries.settings, this.#layout)) texts.set(path, text);
    }
    for (const [path, text] of [...texts]) if ((this.#texts.get(path) ?? null) === text) texts.delete(path);
    const before = new Map([...texts.keys()].map((path) => [path, this.#texts.get(path) ?? null]));
    const exchanged = [...used].filter((id) => usedBefore.has(id) && texts.has(certificatePath(this.#layout, id)));
    for (const [path, text] of texts) {
      if (text === null) this.#texts.delete(path);
      else this.#texts.set(path, text);
    }
    const undo = () => {
      for (const { id, before: was } of changes) {
        if (was === null) this.#served.delete(id);
        else this.#served.set(id, was);
      }
      for (const [path, text] of before) {
        if (text === null) this.#texts.delete(path);
        else this.#texts.set(path, text);
      }
      undoEntries();
    };
    return { way: this.#wayOf(changes, texts, exchanged, countBefore), changes, texts, before, exchanged, undo };
  }

  #wayOf(changes: readonly ProxyChange[], texts: Texts, exchanged: readonly string[], countBefore: number): Way {
    if (this.#served.size === 0) return countBefore === 0 ? 'nothing' : 'leave';
    if (countBefore === 0) return 'start';
    if (texts.size === 0) return 'nothing';
    const isLive = changes.every((change) => memberStep(change) !== null && isSameList(change));
    const settings = [...texts.keys()].some((path) => path.endsWith('/global.cfg'));
    return isLive && !settings && (changes.length > 0 || exchanged.length > 0) ? 'runtime' : 'reload';
  }

  /** HAProxy's own checker reads what only a reload can change. Throws CheckError. */
  async check(work: Work): Promise<void> {
    const entries = this.#entries;
    if (entries === null || entries.settings === null) return;
    await checkStaged(this.#host, this.#layout, entries, work);
  }

  /** Writes the files of a change and makes HAProxy serve them. */
  async apply({ way, changes, texts, exchanged }: Work): Promise<void> {
    if (way === 'nothing') return;
    await this.#files.makeDirectories();
    if (way !== 'runtime' || exchanged.length > 0) await this.#host.files.writeText(this.#layout.unsettled, '');
    await this.#files.write(texts);
    await this.#serve(way, changes, exchanged);
    await this.#host.files.remove(this.#layout.unsettled);
  }

  async #serve(way: Way, changes: readonly ProxyChange[], exchanged: readonly string[]): Promise<void> {
    if (way === 'leave') return this.#leave();
    if (way === 'start') return this.#start();
    if (way === 'reload') return this.#reload();
    try {
      for (const change of changes) {
        const step = memberStep(change);
        if (step !== null) await this.leaving.take(step);
      }
      for (const id of exchanged) await this.#exchange(id);
    } catch (error) {
      // What HAProxy does not take while it runs it takes from its files.
      if (!(error instanceof HaproxyError || error instanceof SocketError)) throw error;
      this.#host.log.warn('haproxy is reloaded', { reason: error.message });
      await this.#reload();
    }
  }

  async #exchange(id: string): Promise<void> {
    const path = certificatePath(this.#layout, id);
    const pem = this.#texts.get(path) ?? '';
    const said = await this.daemon.tell([runtime.setCertificate(path, pem)]);
    const done = await this.daemon.tell([runtime.commitCertificate(path)]);
    if (done.at(-1) !== 'Success!') {
      await this.daemon.tell([runtime.abortCertificate(path)]);
      throw new HaproxyError(`haproxy refused the certificate ${id}`, [...said, ...done].join('\n'));
    }
  }

  async #leave(): Promise<void> {
    this.leaving.clear();
    await this.daemon.leave();
  }

  async #start(): Promise<void> {
    this.leaving.clear();
    if ((await this.daemon.master()) !== null) return this.#reload();
    await this.daemon.start();
  }

  async #reload(): Promise<void> {
    if ((await this.daemon.master()) === null) return this.#start();
    await this.statistics.look(null);
    await this.daemon.reload();
    this.leaving.clear();
  }

  /** Takes a change back. `isApplied`: `apply` was begun. */
  async revert(work: Work, isApplied: boolean): Promise<void> {
    work.undo();
    if (!isApplied) return;
    await this.#files.write(work.before);
    const hasFiles = work.before.size > 0 || this.#served.size > 0;
    if (this.#served.size === 0 && work.way === 'start') await this.#leave();
    else if (work.way === 'runtime') {
      const back = work.changes.map(({ id, before, after }) => ({ id, before: after, after: before }));
      await this.#serve('runtime', back, work.exchanged);
    } else if (hasFiles && work.way !== 'nothing') await this.#reload();
    await this.#host.files.remove(this.#layout.unsettled);
  }

  /** Starts it where it does not run and should, or ends it where it should not. */
  async restart(): Promise<void> {
    await this.daemon.stop();
    if (this.#served.size > 0) await this.#start();
  }

  /** Ends it and removes its files. */
  async shutdown(): Promise<void> {
    await this.daemon.stop();
    await this.#files.remove();
  }

  #wantedPaths(entries: BalancerEntries): Set<string> {
    const paths = [...this.#served].flatMap(([id, proxied]) =>
      [...proxyTexts(id, proxied, this.#layout)].flatMap(([path, text]) => (text === null ? [] : [path])),
    );
    const certificates = certificateTexts(certificatesOf(this.#served.values()), entries, this.#layout).keys();
    const { settings: given } = entries;
    const settings = given === null || this.#served.size === 0 ? [] : globalTexts(given, this.#layout).keys();
    return new Set([...paths, ...certificates, ...settings]);
  }
}

function isSameList({ before, after }: ProxyChange): boolean {
  return before?.certificates.join() === after?.certificates.join();
}

function replaceAll<Key, Value>(map: Map<Key, Value>, entries: readonly (readonly [Key, Value])[]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}
