// A router's namespace between two guests and the internet, for the tests of the packet filter.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CollectionName,
  collectionNames,
  type RouterDocument,
  type RouterEntry,
  type RouterSettings,
} from '@isthmus/contract';
import { type CommandRunner, createHost, createNamespaceHost, type Host, realClock } from '@isthmus/host';
import { type InterfaceName, type Ipv4Address, type Ipv4Cidr, parseFqdn, parseHostname } from '@isthmus/net';
import type { DocumentChange, EntryChange, RouterService } from '../service.ts';

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
const peer = fileURLToPath(new URL('./peer-fixture.ts', import.meta.url));

/** Words as the value types, for tests that write addresses down. */
export const address = (text: string) => text as Ipv4Address;
export const cidr = (text: string) => text as Ipv4Cidr;
export const ports = (first: number, last = first) => ({ first, last });

const eth0 = 'eth0' as InterfaceName;
const eth2 = 'eth2' as InterfaceName;

/** The plan: guests 10.1.1.10 (a) and 10.1.1.11 (b); public addresses 203.0.113.2 (source NAT), .3 and .4; outside .100, .101. */
export function settings(changes: { egressDefault?: 'allow' | 'deny'; sourceNat?: string } = {}): RouterSettings {
  const domain = parseFqdn('cs1.example.org');
  const guest = { guestInterface: eth0, publicInterface: eth2, guestNetwork: cidr('10.1.1.0/24') };
  return {
    system: { hostname: parseHostname('r-1'), domain, conntrackMax: 65536 },
    routing: { interfaces: [] },
    dhcp: {
      interface: eth0,
      network: cidr('10.1.1.0/24'),
      router: address('10.1.1.1'),
      dnsServers: [address('10.1.1.1')],
      domain,
      leaseTimeSeconds: 3600,
    },
    dns: { interface: eth0, domain, forwarders: [] },
    metadata: { enabled: false, interface: eth0, addresses: [] },
    loadBalancing: { enabled: false, maxConnections: 1000, hardStopAfterMs: 86_400_000 },
    nat: {
      ...guest,
      guestAddress: address('10.1.1.1'),
      sourceNatAddress: address(changes.sourceNat ?? '203.0.113.2'),
    },
    firewall: { ...guest, egressDefault: changes.egressDefault ?? 'allow' },
  };
}

type Entries = { [Name in CollectionName]: Map<string, RouterEntry<Name>> };
/** Entries to put, by collection and id; null takes one out. */
export type Edit = { readonly [Name in CollectionName]?: Readonly<Record<string, RouterEntry<Name> | null>> };

/** A document that is changed in place, as the agent's is. */
export class TestDocument {
  #settings: RouterSettings;
  readonly #entries = Object.fromEntries(collectionNames.map((name) => [name, new Map()])) as unknown as Entries;

  constructor(initial: RouterSettings = settings()) {
    this.#settings = initial;
  }

  get view(): RouterDocument {
    return { settings: this.#settings, entries: this.#entries };
  }

  /** Everything, as of a full push. */
  full(): DocumentChange {
    const all = collectionNames.map((name) => [name, [...this.#entries[name]].map(([id, after]) => ({ id, after }))]);
    return {
      full: true,
      document: this.view,
      sections: new Set(['nat', 'firewall', 'routing']),
      entries: Object.fromEntries(all) as DocumentChange['entries'],
    };
  }

  /** Changes the document and answers with the change. */
  edit(edit: Edit, next: RouterSettings = this.#settings): DocumentChange {
    const sections = new Set(
      (['nat', 'firewall', 'routing'] as const).filter(
        (name) => JSON.stringify(next[name]) !== JSON.stringify(this.#settings[name]),
      ),
    );
    this.#settings = next;
    const entries = collectionNames.map((name) => [name, this.#editOf(name, edit)]);
    return {
      full: false,
      document: this.view,
      sections,
      entries: Object.fromEntries(entries) as DocumentChange['entries'],
    };
  }

  #editOf(name: CollectionName, edit: Edit): EntryChange[] {
    const map = this.#entries[name] as Map<string, RouterEntry>;
    return Object.entries(edit[name] ?? {}).map(([id, after]): EntryChange => {
      const before = map.get(id);
      if (after === null) map.delete(id);
      else map.set(id, after);
      return { id, ...(before === undefined ? {} : { before }), ...(after === null ? {} : { after }) };
    });
  }
}

/** Runs a change through a service as the agent's pipeline does. Throws what failed, after the way back. */
export async function applyChange(service: RouterService, change: DocumentChange): Promise<void> {
  const plan = service.plan(change);
  if (plan === null) return;
  try {
    await plan.stage();
    await plan.apply();
    await plan.verify();
  } catch (error) {
    await plan.revert();
    throw error;
  }
  await plan.commit();
}

/** Namespaces with real interfaces; `close` takes all of it away. */
export class FilterLab {
  readonly host: Host = createHost({ log: silent });
  readonly #id = `nf${randomBytes(3).toString('hex')}`;
  readonly #pids: number[] = [];
  /** A directory that goes with the laboratory. */
  directory = '';

  name(part: string): string {
    return `${this.#id}-${part}`;
  }

  in(part: string): Host {
    return createNamespaceHost(this.host, this.name(part));
  }

  #ip(part: string | null, ...words: string[]): Promise<unknown> {
    return this.host.commands.run('ip', [...(part === null ? [] : ['-n', this.name(part)]), ...words]);
  }

  async #cable(one: string, port: string, other: string, otherPort: string): Promise<void> {
    await this.#ip(one, ...['link', 'add', port, 'type', 'veth', 'peer', 'name', otherPort, 'netns', this.name(other)]);
    await this.#ip(one, 'link', 'set', port, 'up');
    await this.#ip(other, 'link', 'set', otherPort, 'up');
  }

  /** Only the router's namespace, for tests without packets. */
  async openRouter(): Promise<Host> {
    this.directory = await mkdtemp(join(tmpdir(), 'isthmus-netfilter-'));
    await this.#ip(null, 'netns', 'add', this.name('router'));
    return this.in('router');
  }

  async open(): Promise<Host> {
    const router = await this.openRouter();
    for (const part of ['lan', 'a', 'b', 'out']) await this.#ip(null, 'netns', 'add', this.name(part));
    await this.#ip('lan', 'link', 'add', 'br0', 'type', 'bridge');
    await this.#ip('lan', 'link', 'set', 'br0', 'up');
    for (const [part, port] of [
      ['router', 'eth0'],
      ['a', 'eth0'],
      ['b', 'eth0'],
    ] as const) {
      await this.#cable(part, port, 'lan', `p-${part}`);
      await this.#ip('lan', 'link', 'set', `p-${part}`, 'master', 'br0');
    }
    await this.#cable('router', 'eth2', 'out', 'eth0');
    const addresses: [string, string, string][] = [
      ['router', 'eth0', '10.1.1.1/24'],
      ['router', 'eth2', '203.0.113.2/24'],
      ['router', 'eth2', '203.0.113.3/24'],
      ['router', 'eth2', '203.0.113.4/24'],
      ['a', 'eth0', '10.1.1.10/24'],
      ['b', 'eth0', '10.1.1.11/24'],
      ['out', 'eth0', '203.0.113.100/24'],
      ['out', 'eth0', '203.0.113.101/24'],
      ['out', 'lo', '198.51.100.1/32'],
    ];
    for (const [part, port, value] of addresses) await this.#ip(part, 'addr', 'add', value, 'dev', port);
    for (const part of ['router', 'a', 'b', 'out']) await this.#ip(part, 'link', 'set', 'lo', 'up');
    for (const part of ['a', 'b']) await this.#ip(part, 'route', 'add', 'default', 'via', '10.1.1.1');
    await this.#ip('router', 'route', 'add', 'default', 'via', '203.0.113.100');
    await router.commands.run('sysctl', ['-qw', 'net.ipv4.ip_forward=1', 'net.netfilter.nf_conntrack_tcp_loose=0']);
    return router;
  }

  async #daemon(part: string, words: readonly string[]): Promise<string> {
    const log = join(this.directory, `${this.#pids.length}.log`);
    const pid = await this.in(part).commands.startDaemon(process.execPath, [peer, ...words], { logPath: log });
    this.#pids.push(pid);
    return log;
  }

  async #until(what: string, holds: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 200; attempt += 1) {
      if (await holds()) return;
      await realClock.sleep(25);
    }
    throw new Error(`not within 5 s: ${what}`);
  }

  /** Starts a server of the given name and ports, such as `tcp/80,udp/53-55`. */
  async serve(part: string, name: string, list: string): Promise<void> {
    const log = await this.#daemon(part, ['serve', name, list]);
    const ready = async () => (await this.host.files.readTextIfExists(log))?.includes('ready') === true;
    await this.#until(`${name} serves ${list}`, ready);
  }

  /** What a client hears: `NAME:PORT sees ADDRESS`, `refused` or `nothing`. */
  async ask(part: string, protocol: 'tcp' | 'udp', to: string, port: number): Promise<string> {
    const { stdout } = await this.in(part).commands.run(process.execPath, [peer, 'ask', protocol, to, String(port)]);
    return stdout.trim();
  }

  async pings(part: string, to: string): Promise<boolean> {
    const result = await this.in(part).commands.run('ping', ['-c1', '-W1', to], { okCodes: [0, 1] });
    return result.exitCode === 0;
  }

  /** Opens a TCP connection that stays; the answer says whether it still carries data. */
  async hold(part: string, to: string, port: number): Promise<(patienceMs?: number) => Promise<boolean>> {
    const log = await this.#daemon(part, ['hold', to, String(port)]);
    const length = async () => (await this.host.files.readTextIfExists(log))?.length ?? 0;
    await this.#until(`a connection to ${to}:${port}`, async () => (await length()) > 0);
    return async (patienceMs = 1500) => {
      // What was under way before the question does not count as an answer to it.
      await realClock.sleep(100);
      const before = await length();
      for (const deadline = performance.now() + patienceMs; performance.now() < deadline; ) {
        if ((await length()) > before) return true;
        await realClock.sleep(30);
      }
      return false;
    };
  }

  async close(): Promise<void> {
    for (const pid of this.#pids) this.host.commands.signal(pid, 'SIGKILL');
    for (const part of ['a', 'b', 'out', 'lan', 'router']) {
      await this.host.commands.run('ip', ['netns', 'del', this.name(part)], { okCodes: [0, 1] });
    }
    if (this.directory !== '') await rm(this.directory, { recursive: true, force: true });
  }
}

/** A command runner whose commands can be made to fail: the first whose file and input `when` takes is not run. */
export function failing(
  inner: CommandRunner,
): CommandRunner & { failWhen(when: (file: string, input: string) => boolean): void } {
  let failure: ((file: string, input: string) => boolean) | null = null;
  return {
    startDaemon: inner.startDaemon,
    isRunning: inner.isRunning,
    signal: inner.signal,
    run: (file, args, options) => {
      if (failure?.(file, options?.input ?? '') !== true) return inner.run(file, args, options);
      failure = null;
      return Promise.reject(new Error(`${file} was made to fail`));
    },
    failWhen: (when) => {
      failure = when;
    },
  };
}
