// What an instance reads about itself: the paths of CloudStack's router and what stands at each. Pure.
import type { MetadataGuest } from '@isthmus/contract';

/** What a path names. `item`: one of CloudStack's meta-data, or a variable of a guest's user data. */
export type MetadataResource =
  | { readonly kind: 'versions' | 'directory' | 'index' | 'user-data' }
  | { readonly kind: 'item'; readonly name: string };

/** Items in the order of the index; undefined: this guest has none of it. */
const items = {
  'availability-zone': (guest) => guest.availabilityZone,
  'cloud-identifier': (guest) => guest.cloudIdentifier,
  'hypervisor-host-name': (guest) => guest.hypervisorHostName,
  'instance-id': (guest) => guest.instanceId,
  'local-hostname': (guest) => guest.localHostname,
  'local-ipv4': (guest) => guest.address,
  'public-hostname': (guest) => guest.publicHostname,
  'public-ipv4': (guest) => guest.publicIpv4,
  'public-keys': (guest) => guest.publicKeys.map((key) => `${key}\n`).join(''),
  'service-offering': (guest) => guest.serviceOffering,
  'vm-id': (guest) => guest.vmId,
} as const satisfies Record<string, (guest: MetadataGuest) => string | undefined>;

type MetadataItem = keyof typeof items;

const itemNames = Object.keys(items) as MetadataItem[];
const itemName = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;

/** The versions that clients ask for; all say the same. */
const versions = ['1.0', 'latest'];

function isItem(name: string): name is MetadataItem {
  return Object.hasOwn(items, name);
}

/**
 * What the path of a request names; null: nothing. `/latest/meta-data/ITEM`, and `/latest/ITEM` as cloud-set-guest-sshkey
 * and its like ask; `/latest/user-data`; the indexes with or without a slash at their end. A query is no part of it.
 */
export function metadataResource(target: string): MetadataResource | null {
  const [path = ''] = target.split('?', 1);
  if (path === '/' || path === '') return { kind: 'versions' };
  const [, version = '', ...rest] = path.split('/');
  if (!versions.includes(version)) return null;
  const words = rest.at(-1) === '' ? rest.slice(0, -1) : rest;
  const [first, second, ...more] = words;
  if (first === undefined) return { kind: 'directory' };
  if (first === 'meta-data') {
    if (second === undefined) return { kind: 'index' };
    return more.length === 0 && itemName.test(second) ? { kind: 'item', name: second } : null;
  }
  if (second !== undefined) return null;
  if (first === 'user-data') return { kind: 'user-data' };
  return itemName.test(first) ? { kind: 'item', name: first } : null;
}

function itemOf(guest: MetadataGuest, name: string): string | undefined {
  if (!isItem(name)) return Object.hasOwn(guest.variables ?? {}, name) ? guest.variables?.[name] : undefined;
  const read: (guest: MetadataGuest) => string | undefined = items[name];
  return read(guest);
}

/** What the index lists: CloudStack's items, then variables in the order of their names. */
function namesOf(guest: MetadataGuest): string[] {
  const variables = Object.keys(guest.variables ?? {}).filter((name) => !isItem(name));
  return [...itemNames.filter((name) => itemOf(guest, name) !== undefined), ...variables.sort()];
}

/** The text or, of user data, the bytes of a resource; null where this guest has no such thing. */
export function metadataContent(guest: MetadataGuest, resource: MetadataResource): string | Uint8Array | null {
  switch (resource.kind) {
    case 'versions':
      return versions.join('\n');
    case 'directory':
      return 'meta-data/\nuser-data';
    case 'index':
      return namesOf(guest).join('\n');
    case 'user-data':
      return Buffer.from(guest.userData ?? '', 'base64');
    case 'item':
      return itemOf(guest, resource.name) ?? null;
  }
}
