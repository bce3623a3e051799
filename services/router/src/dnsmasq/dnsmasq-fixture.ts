// For tests: a router's namespace with a guest behind it, real clients, and changes of a document as the agent makes them.
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type CollectionName,
  collectionNames,
  type DhcpHost,
  type DnsRecord,
  type RouterDocument,
  type RouterSettings,
} from '@isthmus/contract';
import { CommandError, createHost, createLog, createNamespaceHost, type Host } from '@isthmus/host';
import {
  ipv4Add,
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import type { DocumentChange, EntryChange, RouterPaths, RouterService } from '../service.ts';

const quiet = createHost({ log: createLog({ level: 'silent' }) });

/** Two namespaces with a cable between them, `eth0` at both ends: 10.1.0.1/23 at the router's, no address at the guest's. */
export interface DnsmasqLab {
  readonly router: Host;
  readonly guest: Host;
  readonly paths: RouterPaths;
  readonly directory: string;
  readonly routerName: string;
  /** Asks for a lease as a machine with this MAC address, by udhcpc; the variables of its script, or null without one. */
  lease(macAddress: string): Promise<Record<string, string> | null>;
  /** What a machine with this MAC address is told where it asks for these options: hexadecimal bytes by code. */
  options(macAddress: string, codes: readonly number[]): Promise<Map<number, string>>;
  /** What dig prints for a question that the guest asks the router. */
  dig(...words: string[]): Promise<string[]>;
  end(): Promise<void>;
}

const ip = (...words: string[]) => quiet.commands.run('ip', words);

async function cable(router: string, guest: string): Promise<void> {
  await ip('netns', 'add', router);
  await ip('netns', 'add', guest);
  await ip('-n', router, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', guest);
  await ip('-n', router, 'link', 'set', 'lo', 'up');
  await ip('-n', router, 'addr', 'add', '10.1.0.1/23', 'dev', 'eth0');
  await ip('-n', router, 'link', 'set', 'eth0', 'up');
  await ip('-n', guest, 'link', 'set', 'eth0', 'up');
}

/** The script of udhcpc: prints its variables where a lease is bound, and keeps its hands off the machine. */
const leaseScript = '#!/bin/sh\n[ "$1" = bound ] && env\nexit 0\n';

/** DHCPDISCOVER by broadcast with a list of options asked for; prints those of the offer. */
const optionsProgram = fileURLToPath(new URL('./options-main-fixture.ts', import.meta.url));

/** Makes a lab. End it also where the test fails. */
export async function dnsmasqLab(): Promise<DnsmasqLab> {
  const id = `itd${randomBytes(4).toString('hex')}`;
  const [routerName, guestName] = [`${id}r`, `${id}g`];
  const directory = await mkdtemp(join(tmpdir(), 'isthmus-dnsmasq-'));
  await chmod(directory, 0o755);
  const paths = { state: join(directory, 'state'), run: join(directory, 'run') };
  await mkdir(paths.state);
  await mkdir(paths.run);
  const script = join(directory, 'lease.sh');
  await writeFile(script, leaseScript, { mode: 0o755 });
  await cable(routerName, guestName);
  const guest = createNamespaceHost(quiet, guestName);
  return {
    router: createNamespaceHost(quiet, routerName),
    guest,
    paths,
    directory,
    routerName,
    lease: async (macAddress) => {
      await ip('-n', guestName, 'link', 'set', 'eth0', 'address', macAddress);
      try {
        const options = ['-i', 'eth0', '-f', '-n', '-q', '-t', '4', '-T', '1', '-O', 'mtu', '-s', script];
        const { stdout } = await guest.commands.run('udhcpc', options);
        return Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
      } catch (error) {
        if (error instanceof CommandError && error.exitCode === 1) return null;
        throw error;
      }
    },
    options: async (macAddress, codes) => {
      await guest.commands.run('ip', ['addr', 'replace', '10.1.0.250/23', 'dev', 'eth0']);
      await guest.commands.run('ip', ['route', 'replace', '255.255.255.255/32', 'dev', 'eth0']);
      const { stdout } = await guest.commands.run(process.execPath, [optionsProgram, macAddress, codes.join(',')]);
      return new Map(JSON.parse(stdout) as [number, string][]);
    },
    dig: async (...words) => {
      await guest.commands.run('ip', ['addr', 'replace', '10.1.0.250/23', 'dev', 'eth0']);
      const { stdout } = await guest.commands.run('dig', ['+short', '+tries=1', '+time=2', '@10.1.0.1', ...words], {
        okCodes: [0, 9],
      });
      return stdout.split('\n').filter((line) => line !== '');
    },
    end: async () => {
      await ip('netns', 'del', routerName);
      await ip('netns', 'del', guestName);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The host of number `n`, from 0: its own MAC address, address and name. */
export function hostOf(n: number, changes: Partial<DhcpHost> = {}): DhcpHost {
  return {
    macAddress: parseMacAddress(
      `02:00:00:00:${(n >> 8).toString(16).padStart(2, '0')}:${(n & 255).toString(16).padStart(2, '0')}`,
    ),
    address: ipv4Add(parseIpv4Address('10.1.1.0'), n),
    hostname: parseHostname(`vm${n}`),
    ...changes,
  };
}

/** Settings of the lab's router: a network of two shares (templates/dhcp/shards.ts). */
export function settingsOf(
  dhcp: Partial<RouterSettings['dhcp']> = {},
  dns: Partial<RouterSettings['dns']> = {},
): RouterSettings {
  const guest = parseInterfaceName('eth0');
  const network = parseIpv4Cidr('10.1.0.0/23');
  const address = parseIpv4Address('10.1.0.1');
  const domain = parseFqdn('cs1.internal');
  return {
    system: { hostname: parseHostname('r-1'), domain, conntrackMax: 65_536 },
    routing: {
      interfaces: [
        {
          name: guest,
          role: 'guest',
          macAddress: parseMacAddress('02:00:00:ff:00:01'),
          mtu: 1500,
          address,
          prefixLength: 23,
        },
      ],
    },
    dhcp: {
      interface: guest,
      network,
      router: address,
      dnsServers: [address],
      domain,
      leaseTimeSeconds: 86_400,
      ...dhcp,
    },
    dns: { interface: guest, domain, forwarders: [], ...dns },
    metadata: { enabled: false, interface: guest, addresses: [] },
    loadBalancing: { enabled: false, maxConnections: 1000, hardStopAfterMs: 86_400_000 },
    nat: { guestInterface: guest, guestNetwork: network, guestAddress: address },
    firewall: { guestInterface: guest, guestNetwork: network, egressDefault: 'allow' },
  };
}

type Entries<Entry> = Record<string, Entry | null>;

/** What a test changes; null removes an entry. */
export interface TestChange {
  readonly full?: boolean;
  readonly settings?: RouterSettings;
  readonly hosts?: Entries<DhcpHost>;
  readonly records?: Entries<DnsRecord>;
}

/** Hosts of these numbers with a record each, under ids `h0`, `h1`, … */
export function guests(numbers: readonly number[]): Pick<TestChange, 'hosts' | 'records'> {
  const entries = numbers.map((n) => [`h${n}`, hostOf(n)] as const);
  return {
    hosts: Object.fromEntries(entries),
    records: Object.fromEntries(entries.map(([id, { hostname, address }]) => [id, { hostname, address }])),
  };
}

/** Takes hosts of these numbers and their records away. */
export function noGuests(numbers: readonly number[]): Pick<TestChange, 'hosts' | 'records'> {
  const gone = Object.fromEntries(numbers.map((n) => [`h${n}`, null]));
  return { hosts: gone, records: gone };
}

/** A document, changed step by step as the agent does it. */
export class TestDocument {
  #settings = settingsOf();
  readonly #hosts = new Map<string, DhcpHost>();
  readonly #records = new Map<string, DnsRecord>();

  get document(): RouterDocument {
    const entries = {
      ...perCollection(() => new Map<string, never>()),
      'dhcp.hosts': new Map(this.#hosts),
      'dns.records': new Map(this.#records),
    };
    return { settings: this.#settings, entries: entries as RouterDocument['entries'] };
  }

  change({ full = false, settings, hosts = {}, records = {} }: TestChange): DocumentChange {
    if (settings !== undefined) this.#settings = settings;
    const changed = {
      ...perCollection(() => []),
      'dhcp.hosts': merge<'dhcp.hosts'>(this.#hosts, hosts),
      'dns.records': merge<'dns.records'>(this.#records, records),
    } as DocumentChange['entries'];
    const added = (entries: ReadonlyMap<string, never>) => [...entries].map(([id, after]) => ({ id, after }));
    return {
      full,
      document: this.document,
      sections: new Set(full || settings !== undefined ? (['dhcp', 'dns', 'routing'] as const) : []),
      entries: full
        ? {
            ...changed,
            'dhcp.hosts': added(this.#hosts as never),
            'dns.records': added(this.#records as never),
          }
        : changed,
    };
  }
}

function perCollection<Value>(make: () => Value): Record<CollectionName, Value> {
  return Object.fromEntries(collectionNames.map((name) => [name, make()])) as Record<CollectionName, Value>;
}

function merge<Name extends 'dhcp.hosts' | 'dns.records'>(
  entries: Map<string, NonNullable<EntryChange<Name>['after']>>,
  changes: Entries<NonNullable<EntryChange<Name>['after']>>,
): EntryChange<Name>[] {
  return Object.entries(changes).map(([id, after]) => {
    const before = entries.get(id);
    if (after === null) entries.delete(id);
    else entries.set(id, after);
    return { id, ...(before === undefined ? {} : { before }), ...(after === null ? {} : { after }) };
  });
}

/** One push, by all the steps of the agent. Throws what a step throws, after the service has gone back. */
export async function push(service: RouterService, change: DocumentChange): Promise<void> {
  const faults = service.check(change);
  if (faults.length > 0) throw new Error(faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const plan = service.plan(change);
  if (plan === null) return;
  try {
    await plan.stage();
    await plan.apply();
    await plan.verify();
    await plan.commit();
  } catch (error) {
    await plan.revert();
    throw error;
  }
}
