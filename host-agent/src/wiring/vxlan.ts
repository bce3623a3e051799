// VXLAN: one device a guest segment, whose bridge it joins to the same segment on the zone's other hosts (RFC 7348).
// Frames for everybody are sent to each peer (head-end replication): no multicast is asked of the network between hosts.
import type { CommandRunner } from '@isthmus/host';
import type { Ipv4Address } from '@isthmus/net';
import { HostAgentError } from '../errors.ts';
import { changeLinks, deleteLinks } from './links.ts';
import { vxlanName } from './names.ts';

/** UDP port of VXLAN (IANA). */
export const vxlanPort = 4789;
/** Outer Ethernet, IPv4, UDP and VXLAN headers: what a frame grows by. */
const overheadBytes = 50;
const usualMtu = 1500;
/** MAC address of the entries that say where frames for everybody go. */
const everybody = '00:00:00:00:00:00';

/** MTU of guests, and of the VXLAN devices, over an underlay of `underlayMtu`. */
export function guestMtuOver(underlayMtu: number): number {
  return Math.min(usualMtu, underlayMtu - overheadBytes);
}

interface VxlanLink {
  readonly ifname?: string;
  readonly mtu?: number;
  readonly master?: string;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly id?: number; readonly local?: string; readonly port?: number };
  };
}

interface FdbEntry {
  readonly mac: string;
  readonly ifname?: string;
  readonly dst?: string;
}

/** A guest segment and the bridge that it has here. */
export interface Spanned {
  readonly vni: number;
  readonly bridge: string;
}

interface AddressedLink {
  readonly mtu?: number;
  readonly addr_info?: readonly { readonly local?: string }[];
}

/** MTU of the device that has `address`. Throws HostAgentError where the host lacks the address. */
export async function underlayMtu(commands: CommandRunner, address: Ipv4Address): Promise<number> {
  const { stdout } = await commands.run('ip', ['-4', '-json', 'address', 'show']);
  const links = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as AddressedLink[];
  const link = links.find(({ addr_info: own = [] }) => own.some(({ local }) => local === address));
  if (link?.mtu !== undefined) return link.mtu;
  throw new HostAgentError('failed', `tunnel address ${address}: expected an address of this host`);
}

function isWhole(link: VxlanLink | undefined, { vni, bridge }: Spanned, local: Ipv4Address, mtu: number): boolean {
  const data = link?.linkinfo?.info_data;
  const isOurs = data?.id === vni && data.local === local && data.port === vxlanPort;
  return isOurs && link?.master === bridge && link.mtu === mtu && (link.flags ?? []).includes('UP');
}

async function vxlanLinks(commands: CommandRunner): Promise<Map<string, VxlanLink>> {
  const { stdout } = await commands.run('ip', ['-details', '-json', 'link', 'show', 'type', 'vxlan']);
  const links = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as VxlanLink[];
  return new Map(links.flatMap((link) => (link.ifname === undefined ? [] : [[link.ifname, link]])));
}

/** How the segments of one host are spanned. `mtu` as guestMtuOver gives it. */
export interface Span {
  readonly installation: string;
  readonly local: Ipv4Address;
  readonly mtu: number;
  readonly peers: readonly Ipv4Address[];
}

/** Makes what is absent of the VXLAN devices of `segments`, whose bridges are there, and brings them to `span.peers`. */
export async function ensureVxlans(
  commands: CommandRunner,
  { installation, local, mtu, peers }: Span,
  segments: readonly Spanned[],
): Promise<void> {
  if (segments.length === 0) return;
  const links = await vxlanLinks(commands);
  const changes = segments.flatMap((segment) => {
    const name = vxlanName(installation, segment.vni);
    const link = links.get(name);
    if (isWhole(link, segment, local, mtu)) return [];
    return [
      ...(link === undefined ? [] : [`link delete dev ${name}`]),
      `link add name ${name} mtu ${mtu} type vxlan id ${segment.vni} local ${local} dstport ${vxlanPort} learning ttl 64`,
      `link set dev ${name} addrgenmode none`,
      `link set dev ${name} master ${segment.bridge} up`,
    ];
  });
  await changeLinks(commands, changes);
  await ensurePeers(
    commands,
    segments.map(({ vni }) => vxlanName(installation, vni)),
    peers,
  );
}

async function ensurePeers(
  commands: CommandRunner,
  names: readonly string[],
  peers: readonly Ipv4Address[],
): Promise<void> {
  const { stdout } = await commands.run('bridge', ['-json', 'fdb', 'show']);
  const entries = JSON.parse(stdout.trim() === '' ? '[]' : stdout) as FdbEntry[];
  const ours = entries.filter(({ ifname = '', dst }) => dst !== undefined && names.includes(ifname));
  const wanted = new Set<string>(peers);
  // What was learnt of a peer that is none any more goes with it.
  const removals = ours
    .filter(({ dst = '' }) => !wanted.has(dst))
    .map(({ mac, ifname, dst }) => `fdb delete ${mac} dev ${ifname} dst ${dst} self`);
  const present = new Set(ours.filter(({ mac }) => mac === everybody).map(({ ifname, dst }) => `${ifname} ${dst}`));
  const additions = names.flatMap((name) =>
    peers
      .filter((peer) => !present.has(`${name} ${peer}`))
      .map((peer) => `fdb append ${everybody} dev ${name} dst ${peer} self permanent`),
  );
  const batch = [...removals, ...additions];
  if (batch.length === 0) return;
  // An entry that was learnt may have aged out since it was read.
  await commands.run('bridge', ['-force', '-batch', '-'], { input: `${batch.join('\n')}\n`, okCodes: [0, 1] });
}

/** Removes the VXLAN device of a guest segment. No error where it is absent. */
export function removeVxlan(commands: CommandRunner, installation: string, vni: number): Promise<void> {
  return deleteLinks(commands, [vxlanName(installation, vni)]);
}

/** Removes every VXLAN device of this installation. */
export async function removeAllVxlans(commands: CommandRunner, installation: string): Promise<void> {
  const ours = new RegExp(`^${installation}x[0-9a-z]{1,5}$`);
  await deleteLinks(
    commands,
    [...(await vxlanLinks(commands)).keys()].filter((name) => ours.test(name)),
  );
}
