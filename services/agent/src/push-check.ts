// What can be told of a push without knowing what is served: schema, and what the schema cannot say of one value.
import {
  type CollectionName,
  collectionNames,
  type Push,
  PushSchema,
  type RouterEntry,
  sectionNames,
  validator,
} from '@isthmus/contract';
import type { DocumentFault } from '@isthmus/router';

const pushValidator = validator(PushSchema);

interface Range {
  readonly first: number;
  readonly last: number;
}

function rangesOf(entry: RouterEntry): [string, Range][] {
  if ('publicPorts' in entry) {
    return [
      ['publicPorts', entry.publicPorts],
      ['privatePorts', entry.privatePorts],
    ];
  }
  return 'ports' in entry && entry.ports !== undefined ? [['ports', entry.ports]] : [];
}

function rangeFaults(path: string, entry: RouterEntry): DocumentFault[] {
  return rangesOf(entry)
    .filter(([, { first, last }]) => first > last)
    .map(([field, { first, last }]) => ({
      path: `${path}.${field}`,
      message: `${first}-${last}: expected the first port not to be after the last`,
    }));
}

function missingSections(push: Push): DocumentFault[] {
  if (push.base !== null) return [];
  return sectionNames
    .filter((name) => push.settings[name] === undefined)
    .map((name) => ({ path: name, message: 'missing: a full push holds the settings of every section' }));
}

function collectionFaults(name: CollectionName, push: Push): DocumentFault[] {
  const changes: { upsert: Record<string, RouterEntry>; remove: string[] } | undefined = push.entries[name];
  if (changes === undefined) return [];
  const both = changes.remove.filter((id) => Object.hasOwn(changes.upsert, id));
  return [
    ...both.map((id) => ({ path: `${name}.${id}`, message: 'expected to be upserted or removed, not both' })),
    ...Object.entries(changes.upsert).flatMap(([id, entry]) => rangeFaults(`${name}.${id}`, entry)),
  ];
}

/** `entries.nat.portForwards.upsert.ID.field` of a push is `nat.portForwards.ID.field` of the document. */
function documentPath(path: string): string {
  return path.replace(/^settings\./, '').replace(/^entries\.([a-zA-Z]+\.[a-zA-Z]+)\.upsert\./, '$1.');
}

/** Reads a push: itself, or its faults. */
export function readPush(push: unknown): { readonly push: Push } | { readonly faults: readonly DocumentFault[] } {
  if (!pushValidator.check(push)) {
    return { faults: pushValidator.faults(push).map(({ path, message }) => ({ path: documentPath(path), message })) };
  }
  const faults = [...missingSections(push), ...collectionNames.flatMap((name) => collectionFaults(name, push))];
  return faults.length === 0 ? { push } : { faults };
}
