// Reading a running domain's XML, as `virsh dumpxml` prints it.
import { XMLParser } from 'fast-xml-parser';
import type { DomainNic } from './domain.ts';

/** A running domain as libvirt has it. `id` and `hash` are those of its metadata, null where it has none of ours. */
export interface FoundDomain {
  readonly name: string;
  readonly id: string | null;
  readonly hash: string | null;
  readonly nics: readonly DomainNic[];
  /** The CD-ROM drive, with the path of what is in it; null: it has none. */
  readonly cdrom: { readonly target: string; readonly source: string | null } | null;
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  parseTagValue: false,
  parseAttributeValue: false,
  removeNSPrefix: true,
  isArray: (name) => name === 'disk' || name === 'interface',
});

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The child element; an empty one where there is none. */
function child(node: Node, name: string): Node {
  const value = node[name];
  return isNode(value) ? value : {};
}

function children(node: Node, name: string): Node[] {
  const value = node[name];
  return Array.isArray(value) ? value.filter(isNode) : [];
}

function attribute(node: Node, name: string): string | null {
  const value = node[`@${name}`];
  return typeof value === 'string' ? value : null;
}

function domainIn(xml: string): Node {
  const document: unknown = parser.parse(xml);
  return isNode(document) ? child(document, 'domain') : {};
}

/** The password of the domain's VNC server, from `virsh dumpxml --security-info`; null where it asks for none. */
export function readVncPassword(xml: string): string | null {
  return attribute(child(child(domainIn(xml), 'devices'), 'graphics'), 'passwd');
}

/** Throws where the text is no domain's. */
export function readDomain(xml: string): FoundDomain {
  const domain = domainIn(xml);
  const { name } = domain;
  if (typeof name !== 'string') throw new Error(`domain XML: expected a name: ${xml.slice(0, 200)}`);
  const machine = child(child(domain, 'metadata'), 'machine');
  const devices = child(domain, 'devices');
  const nics = children(devices, 'interface').flatMap((each): DomainNic[] => {
    const port = attribute(child(each, 'target'), 'dev');
    const macAddress = attribute(child(each, 'mac'), 'address');
    return port === null || macAddress === null ? [] : [{ port, macAddress: macAddress.toLowerCase() }];
  });
  const drive = children(devices, 'disk').find((disk) => attribute(disk, 'device') === 'cdrom');
  const target = drive && attribute(child(drive, 'target'), 'dev');
  const source = drive && attribute(child(drive, 'source'), 'file');
  const cdrom = typeof target === 'string' ? { target, source: source ?? null } : null;
  return { name, id: attribute(machine, 'id'), hash: attribute(machine, 'hash'), nics, cdrom };
}
