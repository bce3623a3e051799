// The names of what the host agent makes. All carry the installation's id, so that two installations never meet.
import { createHash } from 'node:crypto';
import { isIpv4Address } from '@isthmus/net';

/** What a namespace is for: an appliance (`r`, as most are routers) or a tenant's instance (`i`). */
export type NamespaceKind = 'r' | 'i';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-/;

/** Eight hexadecimal digits that stand for an id: the first eight of a UUID, else of the id's SHA-256. */
export function shortId(id: string): string {
  if (uuid.test(id)) return id.slice(0, 8);
  return createHash('sha256').update(id).digest('hex').slice(0, 8);
}

/** Name of a network namespace, e.g. `ith-ab12-r-0a1b2c3d`. */
export function namespaceName(installation: string, kind: NamespaceKind, id: string): string {
  return `ith-${installation}-${kind}-${shortId(id)}`;
}

/** True for a name that `namespaceName` gives in this installation. */
export function isNamespaceOf(installation: string, name: string): boolean {
  return new RegExp(`^ith-${installation}-[ri]-[0-9a-f]{8}$`).test(name);
}

/** Name of a NIC's port on the host, e.g. `ab12i0a1b2c3d0`; `index` is the NIC's place in its spec, 0 to 7. */
export function portName(installation: string, kind: NamespaceKind, id: string, index: number): string {
  return `${installation}${kind}${shortId(id)}${index}`;
}

/** Name of the port of an appliance's control NIC, e.g. `ab12r0a1b2c3dc`. */
export function controlPortName(installation: string, id: string): string {
  return `${installation}r${shortId(id)}c`;
}

/** True for a name that `portName` or `controlPortName` gives in this installation. */
export function isPortOf(installation: string, name: string): boolean {
  return new RegExp(`^${installation}(?:[ri][0-9a-f]{8}[0-7]|r[0-9a-f]{8}c)$`).test(name);
}

/** Name of the bridge of the control network, e.g. `ab12c`. */
export function controlBridgeName(installation: string): string {
  return `${installation}c`;
}

/** Name of a guest segment's VXLAN device, e.g. `ab12x5k`: the number of the broadcast domain in base 36. */
export function vxlanName(installation: string, vni: number): string {
  return `${installation}x${vni.toString(36)}`;
}

/** Name of a guest segment's bridge, e.g. `ab12n5k`: the number of the broadcast domain in base 36. */
export function guestBridgeName(installation: string, vni: number): string {
  return `${installation}n${vni.toString(36)}`;
}

/** Name of the bridge of a public segment for which no admin made one, e.g. `ab12p0a1b2c3d`. */
export function publicBridgeName(installation: string, segmentId: string): string {
  return `${installation}p${shortId(segmentId)}`;
}

/** True for a bridge that this installation made. */
export function isBridgeOf(installation: string, name: string): boolean {
  return new RegExp(`^${installation}(?:n[0-9a-z]{1,5}|p[0-9a-f]{8}|c)$`).test(name);
}

/** A locally administered MAC address that follows from a bridge's name, so that it never changes with the ports. */
export function bridgeMacAddress(bridge: string): string {
  const bytes = createHash('sha256').update(bridge).digest().subarray(0, 5);
  return ['06', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** The text of an address file, or null where it holds no IPv4 address. */
export function addressOf(text: string | null): string | null {
  const trimmed = text?.trim() ?? '';
  return isIpv4Address(trimmed) ? trimmed : null;
}
