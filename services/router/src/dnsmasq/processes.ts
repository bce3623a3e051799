// The dnsmasq processes of one router together: which lines are whose, all of them changed, taken back, ended as one.
import { type Lease, parseIpv6Leases, parseLeases, renderIpv6Leases, renderLeases } from '@isthmus/dnsmasq-config';
import { type Host, nft } from '@isthmus/host';
import { parseMacAddress } from '@isthmus/net';
import { shardOf } from '@isthmus/templates/dhcp';
import type { RouterPaths } from '../service.ts';
import { DnsmasqDaemon } from './daemon.ts';
import { grantInotifyInstances } from './inotify.ts';
import {
  dhcpInstance,
  dnsmasqRoots,
  type InstanceName,
  instanceLayout,
  isDhcpv4,
  isInstanceName,
} from './instances.ts';
import { type EntryLine, inverse, type LineChange, type LineIndex, wholeChange } from './lines.ts';
import { DnsmasqServer, isAddition, type ServedChange } from './server.ts';
import { type DnsmasqSettings, type InstanceSettings, type RouterChange, sameInstance } from './settings.ts';

/** The part of each process in one change. */
type Shares = ReadonlyMap<InstanceName, ServedChange>;

type Lines = ReadonlyMap<InstanceName, readonly LineChange[]>;

/** Every line that is wanted, by collection. */
interface Indexes {
  readonly hosts: LineIndex;
  readonly ipv6Hosts: LineIndex;
  readonly records: LineIndex;
}

/** A host's line begins with its MAC address. */
function instanceOfHost({ text }: EntryLine, shards: number): InstanceName {
  return dhcpInstance(shardOf(parseMacAddress(text.slice(0, 17)), shards));
}

/** The changed lines by process. A host whose MAC address changes may go from one process to another. */
function spread({ dhcp, dhcpIpv6, dns, settings }: RouterChange): Lines {
  const lines = new Map<InstanceName, LineChange[]>();
  const add = (name: InstanceName, line: LineChange) => {
    const own = lines.get(name) ?? [];
    own.push(line);
    lines.set(name, own);
  };
  for (const line of settings.shards > 0 ? dhcp : []) {
    const { id, before, after } = line;
    const from = before && instanceOfHost(before, settings.shards);
    const to = after && instanceOfHost(after, settings.shards);
    if (from === to && from !== undefined) add(from, line);
    else {
      if (from !== undefined) add(from, { id, before, after: undefined });
      if (to !== undefined) add(to, { id, before: undefined, after });
    }
  }
  if (settings.hasIpv6) for (const line of dhcpIpv6) add('dhcp6', line);
  if (settings.isDnsEnabled) for (const line of dns) add('dns', line);
  return lines;
}

/** Leases to be taken over; `ipv6`: a lease file, with the identity that clients of DHCPv6 know their server by. */
interface ImportedLeases {
  readonly ipv4: readonly Lease[];
  readonly ipv6: string;
}

/** Those of DHCPv6 begin with the server's identity. */
function partsOf(text: string): { readonly ipv4: string; readonly ipv6: string } {
  const start = /^duid /m.exec(text)?.index ?? text.length;
  return { ipv4: text.slice(0, start), ipv6: text.slice(start) };
}

export class DnsmasqProcesses {
  readonly #host: Host;
  readonly #paths: RouterPaths;
  readonly #isInside: boolean;
  readonly #servers = new Map<InstanceName, DnsmasqServer>();
  #settings: DnsmasqSettings | null = null;
  /** The packet rules that are in force; null: unknown. */
  #packetRules: string | null = null;
  #shares: Shares = new Map();
  /** Leases of the router that this one replaces, until it is known which process is to have which. */
  #imported: ImportedLeases | null = null;

  /** `isInside`: this process is in the router's network namespace itself, as in a VM, which carries no second router. */
  constructor(host: Host, paths: RouterPaths, isInside: boolean) {
    this.#host = host;
    this.#isInside = isInside;
    this.#paths = paths;
  }

  /** Null before the first document. */
  get settings(): DnsmasqSettings | null {
    return this.#settings;
  }

  #server(name: InstanceName): DnsmasqServer {
    const known = this.#servers.get(name);
    if (known !== undefined) return known;
    const server = new DnsmasqServer(this.#host, this.#paths, name);
    this.#servers.set(name, server);
    return server;
  }

  /** Writes the main configuration of one process beside the one that serves. */
  async stageMain(name: InstanceName, settings: InstanceSettings): Promise<void> {
    await this.#server(name).stageMain(settings);
  }

  /** True where the process runs, with whatever settings. */
  isFound(name: InstanceName): Promise<boolean> {
    return this.#server(name).isFound();
  }

  /** Takes the change over in memory, to be carried out by `apply`; answers with what takes both back. */
  begin(change: RouterChange, indexes: Indexes): () => Promise<void> {
    const { hosts, ipv6Hosts, records } = indexes;
    const before = this.#settings;
    hosts.replace(change.dhcp);
    ipv6Hosts.replace(change.dhcpIpv6);
    records.replace(change.dns);
    this.#settings = change.settings;
    this.#shares = this.#sharesOf(change, before, indexes);
    const shares = [...this.#shares].map(([name, share]) => {
      const server = this.#server(name);
      return { server, share, was: server.settings };
    });
    return async () => {
      hosts.replace(inverse(change.dhcp));
      ipv6Hosts.replace(inverse(change.dhcpIpv6));
      records.replace(inverse(change.dns));
      this.#settings = before;
      await Promise.all(shares.map(({ server, share, was }) => server.revert(share, was)));
      if (before !== null) await this.#filter(before.packetRules);
    };
  }

  /** Carries out what was begun, and resolves when it is served. */
  async apply({ packetRules }: DnsmasqSettings): Promise<void> {
    const changes = await this.#due();
    if (!this.#isInside && changes.some(([, { full }]) => full)) await grantInotifyInstances(this.#host);
    await this.#importLeases();
    // What only gives up a claim goes before what makes it.
    const isFirst = ([name, { lines, claims }]: readonly [InstanceName, ServedChange]) =>
      lines.length === 0 && this.#server(name).collidesWith(claims);
    const first = changes.filter(isFirst);
    const rest = changes.filter((each) => !first.includes(each));
    await Promise.all(first.map(([name, share]) => this.#server(name).apply(share)));
    await Promise.all(rest.map(([name, share]) => this.#server(name).apply(share)));
    await this.#filter(packetRules);
  }

  /** Without the shares that have no hosts and do not run: a wide network's router serves before they do. */
  async #due(): Promise<readonly (readonly [InstanceName, ServedChange])[]> {
    const ran = new Set(await this.#host.files.list(dnsmasqRoots(this.#paths).run));
    const judged = [...this.#shares].map(async (each): Promise<(typeof each)[]> => {
      const [name, { settings, lines }] = each;
      const server = this.#server(name);
      const isEmpty = server.settings === null && !lines.some(({ after }) => after !== undefined);
      const canWait = settings !== null && isDhcpv4(name) && name !== dhcpInstance(0) && isEmpty;
      return canWait && !(ran.has(name) && (await server.isFound())) ? [] : [each];
    });
    return (await Promise.all(judged)).flat();
  }

  /** Starts one process that is wanted and was not needed yet, so that the first host of its share need not wait for it. */
  async startNext(): Promise<void> {
    for (const [name, settings] of this.#settings?.instances ?? []) {
      if (this.#server(name).settings !== null) continue;
      return this.#server(name).apply({ full: false, settings, lines: [], claims: [] });
    }
  }

  /** The shares of the hosts whose processes were started. */
  get servedShares(): readonly number[] {
    const shares = Array.from({ length: this.#settings?.shards ?? 0 }, (_, shard) => shard);
    return shares.filter((shard) => this.#server(dhcpInstance(shard)).settings !== null);
  }

  async #filter(packetRules: string): Promise<void> {
    if (this.#packetRules === packetRules) return;
    this.#packetRules = null;
    await this.#host.commands.run(nft, ['-f', '-'], { input: packetRules });
    this.#packetRules = packetRules;
  }

  /** The part of each process, from what it has to what is wanted of it. `indexes` hold the change already. */
  #sharesOf(change: RouterChange, before: DnsmasqSettings | null, indexes: Indexes): Shares {
    const { full, settings } = change;
    const isSpreadAnew =
      full ||
      before?.shards !== settings.shards ||
      before.isDnsEnabled !== settings.isDnsEnabled ||
      before.hasIpv6 !== settings.hasIpv6;
    const lines = isSpreadAnew ? this.#spreadAnew(settings, indexes) : spread(change);
    const claims = change.dhcp.filter(isAddition).flatMap(({ after }) => (after === undefined ? [] : [after]));
    const names = new Set<InstanceName>([...settings.instances.keys(), ...this.#servers.keys()]);
    const shares = [...names].map((name): [InstanceName, ServedChange] => {
      const wanted = settings.instances.get(name) ?? null;
      const ofOthers = isDhcpv4(name) ? claims : [];
      return [name, { full, settings: wanted, lines: lines.get(name) ?? [], claims: ofOthers }];
    });
    return new Map(shares.filter(([name, share]) => this.#isTouched(name, share)));
  }

  #spreadAnew({ shards, hasIpv6, isDnsEnabled }: DnsmasqSettings, { hosts, ipv6Hosts, records }: Indexes): Lines {
    const wanted = new Map<InstanceName, Map<string, EntryLine>>();
    const want = (name: InstanceName, id: string, line: EntryLine) => {
      const lines = wanted.get(name) ?? new Map<string, EntryLine>();
      wanted.set(name, lines.set(id, line));
    };
    for (const [id, line] of shards > 0 ? hosts.entries() : []) want(instanceOfHost(line, shards), id, line);
    for (const [id, line] of hasIpv6 ? ipv6Hosts.entries() : []) want('dhcp6', id, line);
    for (const [id, line] of isDnsEnabled ? records.entries() : []) want('dns', id, line);
    const names = new Set([...wanted.keys(), ...this.#servers.keys()]);
    return new Map(
      [...names].map((name) => [name, wholeChange(this.#server(name).index, wanted.get(name) ?? new Map())]),
    );
  }

  #isTouched(name: InstanceName, { full, settings, lines, claims }: ServedChange): boolean {
    const server = this.#server(name);
    return full || !sameInstance(server.settings, settings) || lines.length > 0 || server.collidesWith(claims);
  }

  /** Throws where a process does not run that is wanted, or runs that is not. */
  async verify(): Promise<void> {
    for (const name of this.#shares.keys()) {
      if (await this.#server(name).isAsWanted()) continue;
      const isWanted = this.#server(name).settings !== null;
      throw new Error(
        `dnsmasq ${name} is ${isWanted ? 'not ' : ''}running: expected it ${isWanted ? '' : 'not '}to serve`,
      );
    }
  }

  /** After a push: what was before is forgotten, and what is no longer wanted goes soon. */
  async settle(): Promise<void> {
    const shares = [...this.#shares];
    this.#shares = new Map();
    await Promise.all(shares.map(([name]) => this.#server(name).settle()));
    if (shares.some(([, { full }]) => full)) await this.#endStrangers();
  }

  /** Ends processes that an agent before this one started and nobody wants any more. */
  async #endStrangers(): Promise<void> {
    const { run } = dnsmasqRoots(this.#paths);
    const found = await this.#host.files.list(run);
    const names = found.filter(isInstanceName).filter((name) => !this.#servers.has(name));
    for (const name of names) {
      const layout = instanceLayout(this.#paths, name);
      await new DnsmasqDaemon(this.#host, layout, layout.hosts).stop();
      await this.#host.files.remove(layout.pidFile);
    }
  }

  /** What is wrong with the processes, or null. Keeps their logs in bounds. */
  async fault(): Promise<string | null> {
    for (const [name, server] of this.#servers) {
      if (!(await server.isAsWanted())) return `dnsmasq is ${server.settings === null ? '' : 'not '}running: ${name}`;
      if (server.settings === null) continue;
      await server.boundLog();
      if (server.lastFailure !== null) return server.lastFailure;
    }
    return null;
  }

  /** Ends all, and starts them with all that is wanted. */
  async restart(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.restart()));
    this.#packetRules = null;
    if (this.#settings !== null) await this.#filter(this.#settings.packetRules);
  }

  async release(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.release()));
  }

  async shutdown(): Promise<void> {
    await Promise.all([...this.#servers.values()].map((server) => server.shutdown()));
  }

  /** The leases of all processes, in the order of dnsmasq's own file: those of DHCPv4, then those of DHCPv6. */
  async exportLeases(): Promise<string> {
    const names = [...this.#servers.keys()].filter(isDhcpv4);
    const ipv6 = this.#settings?.hasIpv6 === true ? (['dhcp6'] as const) : [];
    return (await Promise.all([...names, ...ipv6].map((name) => this.#server(name).exportLeases()))).join('');
  }

  /** Keeps the leases for the processes that the first document wants. Throws ConfigSyntaxError where it is no lease file. */
  async importLeases(text: string): Promise<void> {
    const { ipv4, ipv6 } = partsOf(text);
    this.#imported = { ipv4: parseLeases(ipv4), ipv6: renderIpv6Leases(parseIpv6Leases(ipv6)) };
    if (this.#settings !== null) await this.#importLeases();
  }

  async #importLeases(): Promise<void> {
    if (this.#imported === null || this.#settings === null) return;
    const { shards, hasIpv6 } = this.#settings;
    const { ipv4, ipv6 } = this.#imported;
    this.#imported = null;
    for (let shard = 0; shard < shards; shard += 1) {
      const own = ipv4.filter(({ macAddress }) => shardOf(macAddress, shards) === shard);
      await this.#server(dhcpInstance(shard)).importLeases(renderLeases(own));
    }
    if (hasIpv6 && ipv6 !== '') await this.#server('dhcp6').importLeases(ipv6);
  }
}
