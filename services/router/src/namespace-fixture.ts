// For the tests of services: a namespace of their own with the router's NICs, and changes of a document made by hand.
import { randomBytes } from 'node:crypto';
import {
  type CollectionName,
  collectionNames,
  type PublicAddress,
  type RouterDocument,
  type RouterEntry,
  type RouterSettings,
  type SectionName,
  sectionNames,
} from '@isthmus/contract';
import { createHost, createNamespaceHost, type Host, recordingRunner, silentLog } from '@isthmus/host';
import {
  parseFqdn,
  parseHostname,
  parseInterfaceName,
  parseIpv4Address,
  parseIpv4Cidr,
  parseMacAddress,
} from '@isthmus/net';
import type { DocumentChange, RouterService, ServiceContext } from './service.ts';

const root = createHost({ log: silentLog });

export interface Lab {
  readonly host: Host;
  readonly context: ServiceContext;
  /** Every command that the services ran, as words. */
  readonly commands: () => string[];
  /** Output of a command inside the namespace. */
  readonly see: (file: string, ...args: string[]) => Promise<string>;
  /** The same on the other side of its wires, where eth0 ends in `guest` and eth2 in `outside`. */
  readonly seeBeyond: (file: string, ...args: string[]) => Promise<string>;
  /** The other side as a host. */
  readonly beyond: Host;
}

/** Runs `use` in a namespace with eth0 and eth2, their other ends beside it in another; both go afterwards. */
export async function withLab(use: (lab: Lab) => Promise<void>): Promise<void> {
  // Not the process id: ava runs its files as threads of one process.
  const name = `ithtest-${randomBytes(5).toString('hex')}`;
  const peer = `${name}-p`;
  const ip = (args: string) => root.commands.run('ip', args.split(' '));
  try {
    for (const each of [name, peer]) await ip(`netns add ${each}`);
    await ip(`-n ${name} link add eth0 address 02:00:00:00:00:01 type veth peer name guest netns ${peer}`);
    await ip(`-n ${name} link add eth2 address 02:00:00:00:00:02 type veth peer name outside netns ${peer}`);
    for (const each of ['guest', 'outside']) await ip(`-n ${peer} link set ${each} up`);
    const recording = recordingRunner(root.commands);
    const host = createNamespaceHost({ ...root, commands: recording }, name);
    const context = { host, paths: { state: `/tmp/${name}/state`, run: `/tmp/${name}/run` }, namePrefix: 'tst1-' };
    const seeIn = (where: string) => {
      const inside = createNamespaceHost(root, where);
      return async (file: string, ...args: string[]) =>
        (await inside.commands.run(file, args, { okCodes: [0, 1, 255] })).stdout;
    };
    const commands = () => recording.commands.map(({ args }) => args.slice(2).join(' '));
    await use({
      host,
      context,
      commands,
      see: seeIn(name),
      seeBeyond: seeIn(peer),
      beyond: createNamespaceHost(root, peer),
    });
  } finally {
    for (const each of [name, peer]) await root.commands.run('ip', ['netns', 'delete', each], { okCodes: [0, 1] });
    await root.files.remove(`/tmp/${name}`);
  }
}

const eth0 = parseInterfaceName('eth0');
const eth2 = parseInterfaceName('eth2');
const guestNetwork = parseIpv4Cidr('10.1.1.0/24');
const guestAddress = parseIpv4Address('10.1.1.1');
const domain = parseFqdn('cs1.internal');

export const settings: RouterSettings = {
  system: { hostname: parseHostname('r-1'), domain, conntrackMax: 65_536 },
  routing: {
    interfaces: [
      {
        name: eth0,
        role: 'guest',
        macAddress: parseMacAddress('02:00:00:00:00:01'),
        mtu: 1450,
        address: guestAddress,
        prefixLength: 24,
      },
      {
        name: eth2,
        role: 'public',
        macAddress: parseMacAddress('02:00:00:00:00:02'),
        mtu: 1500,
        address: parseIpv4Address('203.0.113.2'),
        prefixLength: 24,
      },
    ],
    defaultGateway: { address: parseIpv4Address('203.0.113.1'), interface: eth2 },
  },
  dhcp: {
    interface: eth0,
    network: guestNetwork,
    router: guestAddress,
    dnsServers: [guestAddress],
    domain,
    leaseTimeSeconds: 3600,
  },
  dns: { interface: eth0, domain, forwarders: [] },
  metadata: { enabled: false, interface: eth0, addresses: [] },
  loadBalancing: { enabled: false, maxConnections: 1000, hardStopAfterMs: 86_400_000 },
  nat: { guestInterface: eth0, guestNetwork, guestAddress, publicInterface: eth2 },
  firewall: { guestInterface: eth0, publicInterface: eth2, guestNetwork, egressDefault: 'allow' },
};

export function publicAddress(last: number): PublicAddress {
  return { address: parseIpv4Address(`203.0.113.${last}`), prefixLength: 24, interface: eth2 };
}

/** A document of `settings` and these public addresses by id. */
export function documentOf(
  publicAddresses: Record<string, PublicAddress>,
  changed: Partial<RouterSettings> = {},
): RouterDocument {
  const entries = Object.fromEntries(
    collectionNames.map((name): [CollectionName, Map<string, RouterEntry>] => [name, new Map()]),
  ) as Record<CollectionName, Map<string, RouterEntry>>;
  for (const [id, entry] of Object.entries(publicAddresses)) entries['routing.publicAddresses'].set(id, entry);
  return { settings: { ...settings, ...changed }, entries } as unknown as RouterDocument;
}

export function fullChange(document: RouterDocument): DocumentChange {
  const entries = collectionNames.map((name) => [
    name,
    [...document.entries[name]].map(([id, after]) => ({ id, after })),
  ]);
  return { full: true, document, sections: new Set(sectionNames), entries: Object.fromEntries(entries) };
}

/** A change of public addresses, or of sections. */
export function partChange(
  document: RouterDocument,
  changes: DocumentChange['entries']['routing.publicAddresses'],
  sections: SectionName[] = [],
): DocumentChange {
  const entries = collectionNames.map((name) => [name, name === 'routing.publicAddresses' ? changes : []]);
  return { full: false, document, sections: new Set(sections), entries: Object.fromEntries(entries) };
}

/** The whole of a plan, as the agent runs it; null plans count as done. */
export async function enforce(service: RouterService, change: DocumentChange): Promise<boolean> {
  const plan = service.plan(change);
  if (plan === null) return false;
  await plan.stage();
  await plan.apply();
  await plan.verify();
  await plan.commit();
  return true;
}
