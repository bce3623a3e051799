// Segments: each is a bridge in the namespace that the host agent takes for the host's.
import { networkInterfaces } from 'node:os';
import type { Segment } from '@isthmus/contract';
import type { CommandRunner } from '@isthmus/host';
import { HostAgentError } from '../errors.ts';
import { changeLinks, deleteLinks, findLink, type Link, listLinks } from './links.ts';
import { bridgeMacAddress, guestBridgeName, isBridgeOf, publicBridgeName } from './names.ts';

/** Name of the bridge that carries a segment: an admin's own where the segment names it. */
export function bridgeOf(installation: string, segment: Segment): string {
  if (segment.kind === 'guest') return guestBridgeName(installation, segment.vni);
  return segment.bridge ?? publicBridgeName(installation, segment.id);
}

function isOwn(segment: Segment): boolean {
  return segment.kind === 'guest' || segment.bridge === undefined;
}

/**
 * Makes a segment's bridge where it is absent and answers with its name. The host has an address on it only where it is
 * the gateway of a public segment. Throws HostAgentError where the admin's bridge is absent.
 */
export async function ensureBridge(commands: CommandRunner, installation: string, segment: Segment): Promise<string> {
  const bridge = bridgeOf(installation, segment);
  const link = await findLink(commands, bridge);
  if (link !== null && link.kind !== 'bridge') {
    throw new HostAgentError('conflict', `segment ${segment.id}: expected ${bridge} to be a bridge, not ${link.kind}`);
  }
  if (!isOwn(segment)) {
    if (link !== null) return bridge;
    throw new HostAgentError('failed', `segment ${segment.id}: expected the bridge ${bridge}, which the host lacks`);
  }
  await bringUp(
    commands,
    bridge,
    link,
    segment.kind === 'public' ? `${segment.gateway}/${segment.prefixLength}` : null,
  );
  return bridge;
}

/** Makes a bridge of the host agent's own, or what is absent of it; `address` with prefix length is the host's on it. */
async function bringUp(
  commands: CommandRunner,
  bridge: string,
  link: Link | null,
  address: string | null,
): Promise<void> {
  if (link === null) {
    const mac = bridgeMacAddress(bridge);
    // No spanning tree and no learning delay: a port forwards from its first frame.
    const type = 'type bridge stp_state 0 forward_delay 0 mcast_snooping 0';
    await changeLinks(commands, [`link add name ${bridge} address ${mac} ${type}`]);
  }
  // Before the bridge is up: the host must not take an address from anything that a guest says.
  const isUp = link?.up ?? false;
  if (!isUp) await commands.run('sysctl', ['-qw', `net.ipv6.conf.${bridge}.disable_ipv6=1`]);
  const addresses = address === null ? [] : [`address replace ${address} dev ${bridge}`];
  await changeLinks(commands, [...addresses, ...(isUp ? [] : [`link set dev ${bridge} up`])]);
}

/** Makes what is absent of the control network's bridge; `address` with prefix length is the host's on it. */
export async function ensureControlBridge(commands: CommandRunner, bridge: string, address: string): Promise<void> {
  const link = await findLink(commands, bridge);
  if (link !== null && link.kind !== 'bridge') {
    throw new HostAgentError('conflict', `control network: expected ${bridge} to be a bridge, not ${link.kind}`);
  }
  await bringUp(commands, bridge, link, address);
  // The host answers there for its address there, and for none of its others.
  await commands.run('sysctl', ['-qw', `net.ipv4.conf.${bridge}.arp_ignore=1`, `net.ipv4.conf.${bridge}.rp_filter=1`]);
}

/**
 * True where the bridge is up and the host has the address on it. As long as nothing behind a bridge is up, Node does not
 * tell its addresses, and nobody could ask for them.
 */
export function isUpWith(link: Link | undefined, address: string): boolean {
  if (link?.up !== true) return false;
  if (!link.carrier) return true;
  return (networkInterfaces()[link.name] ?? []).some((own) => own.address === address);
}

/** True where nothing is left for ensureBridge to do; `link` is the segment's bridge as the host has it. */
export function isBridgeWhole(link: Link | undefined, segment: Segment): boolean {
  if (!isOwn(segment)) return link !== undefined;
  return segment.kind === 'guest' ? link?.up === true : isUpWith(link, segment.gateway);
}

/** Removes a segment's bridge unless it is an admin's. No error where it is absent. */
export async function removeBridge(commands: CommandRunner, installation: string, segment: Segment): Promise<void> {
  if (isOwn(segment)) await deleteLinks(commands, [bridgeOf(installation, segment)]);
}

/** Removes every bridge that this installation made. */
export async function removeAllBridges(commands: CommandRunner, installation: string): Promise<void> {
  const bridges = (await listLinks(commands)).filter(
    ({ kind, name }) => kind === 'bridge' && isBridgeOf(installation, name),
  );
  await deleteLinks(
    commands,
    bridges.map(({ name }) => name),
  );
}
