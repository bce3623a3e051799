// Text for `ipset restore`, and what `ipset save` prints.
import {
  cidrRange,
  type Ipv4Cidr,
  type Ipv6Cidr,
  ipv4ToNumber,
  ipv6CidrRange,
  ipv6PrefixLengthOf,
  ipv6ToBigInt,
  prefixLengthOf,
} from '@isthmus/net';
import { families } from './families.ts';
import type { Family, IpSet } from './model.ts';
import { isSetName } from './names.ts';
import { writeLine } from './render.ts';
import { IptablesTextError } from './text-error.ts';

/** A set takes no more members than this; memory is taken as members come. */
export const maxSetMembers = 1_048_576;

/** Four texts for `ipset restore`, each empty where there is nothing to do. */
export interface IpSetTransaction {
  /** Makes new sets and filled copies of changed ones. Nothing that serves changes. Before rules are checked. */
  readonly stage: string;
  /** Puts the copies in the place of the changed sets, each in one atomic step, and destroys the old content. */
  readonly swap: string;
  /** Destroys sets that are gone. After no rule refers to them. */
  readonly destroy: string;
  /** Takes back `stage`, where `swap` has not run. */
  readonly discard: string;
}

function text(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function createLines({ type, family = 4, members }: IpSet<Family>, name: string): string[] {
  return [
    writeLine(['create', name, type, 'family', families[family].setFamily, 'maxelem', String(maxSetMembers)]),
    ...members.map((member) => writeLine(['add', name, member])),
  ];
}

/** The same networks in CIDRs that a hash:net takes: 0.0.0.0/0 becomes its two halves. Sorted by number, no duplicates. */
export function setMembers(cidrs: readonly Ipv4Cidr[]): Ipv4Cidr[] {
  const fitting = new Set(cidrs.flatMap((cidr) => (cidr.endsWith('/0') ? families[4].halves : [cidr])));
  const order = (cidr: Ipv4Cidr): number => ipv4ToNumber(cidrRange(cidr).first) * 64 - prefixLengthOf(cidr);
  return [...fitting].sort((a, b) => order(a) - order(b));
}

/** As `setMembers`, of IPv6: ::/0 becomes its two halves. */
export function ipv6SetMembers(cidrs: readonly Ipv6Cidr[]): Ipv6Cidr[] {
  const fitting = new Set(cidrs.flatMap((cidr) => (cidr.endsWith('/0') ? families[6].halves : [cidr])));
  const ordered = [...fitting].map((cidr) => ({
    cidr,
    order: ipv6ToBigInt(ipv6CidrRange(cidr).first) * 256n - BigInt(ipv6PrefixLengthOf(cidr)),
  }));
  return ordered.sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0)).map(({ cidr }) => cidr);
}

/** `ipset restore` text that makes and fills a set, for a valid set (validateIpSet). */
export function renderIpSet(set: IpSet<Family>): string {
  return text(createLines(set, set.name));
}

/** Name of the copy that is filled beside a set that serves. No valid set name holds a `~`. */
export function stagedSetName(name: string): string {
  return `${name}~n`;
}

function sameMembers(a: IpSet<Family>, b: IpSet<Family>): boolean {
  const members = new Set<string>(a.members);
  return a.members.length === b.members.length && b.members.every((member) => members.has(member));
}

/**
 * What turns the sets `before` into `after`; a set with the same members, in whatever order, is left alone. Throws
 * RangeError where a set keeps its name and changes its type or family, which no swap can do.
 */
export function ipSetTransaction(before: readonly IpSet<Family>[], after: readonly IpSet<Family>[]): IpSetTransaction {
  const old = new Map(before.map((set) => [set.name, set]));
  const kept = new Set(after.map(({ name }) => name));
  const made = after.filter(({ name }) => !old.has(name));
  const changed = after.filter((set) => {
    const was = old.get(set.name);
    if (was !== undefined && was.type !== set.type) {
      throw new RangeError(`set ${set.name}: cannot change from ${was.type} to ${set.type} under one name`);
    }
    if (was !== undefined && (was.family ?? 4) !== (set.family ?? 4)) {
      throw new RangeError(`set ${set.name}: cannot change its family under one name`);
    }
    return was !== undefined && !sameMembers(was, set);
  });
  const destroy = (name: string): string => writeLine(['destroy', name]);
  return {
    stage: text([
      ...made.flatMap((set) => createLines(set, set.name)),
      ...changed.flatMap((set) => createLines(set, stagedSetName(set.name))),
    ]),
    swap: text(
      changed.flatMap(({ name }) => [writeLine(['swap', stagedSetName(name), name]), destroy(stagedSetName(name))]),
    ),
    destroy: text(before.filter(({ name }) => !kept.has(name)).map(({ name }) => destroy(name))),
    discard: text([
      ...made.map(({ name }) => destroy(name)),
      ...changed.map(({ name }) => destroy(stagedSetName(name))),
    ]),
  };
}

interface SetDraft {
  readonly name: string;
  readonly type: IpSet['type'];
  readonly family: Family;
  readonly members: string[];
}

function familyOf(words: readonly string[]): Family {
  return words[words.indexOf('family') + 1] === 'inet6' ? 6 : 4;
}

function readLine(line: string, sets: Map<string, SetDraft>): void {
  if (line === '') return;
  const [verb, name = '', word = '', ...rest] = line.split(' ');
  if (verb === 'create' && (word === 'hash:net' || word === 'hash:ip')) {
    if (!isSetName(name.replace(/~n$/, ''))) throw new RangeError(`${name} is no set name`);
    if (sets.has(name)) throw new RangeError(`set ${name} is there twice`);
    sets.set(name, { name, type: word, family: familyOf(rest), members: [] });
    return;
  }
  const set = sets.get(name);
  if (verb !== 'add' || rest.length > 0)
    throw new RangeError('expected create of hash:net or hash:ip, or add SET MEMBER');
  if (set === undefined) throw new RangeError(`set ${name} is not created before`);
  const { parseCidr, single } = families[set.family];
  set.members.push(parseCidr(word.includes('/') ? word : `${word}${single}`));
}

/**
 * Reads the sets of one family in what `ipset save` prints, and in what this file writes. Members come sorted, since the
 * kernel keeps no order. Throws IptablesTextError on a line that it does not know, such as a set of another type.
 */
export function parseIpSetSave(save: string, family?: 4): IpSet[];
export function parseIpSetSave(save: string, family: 6): IpSet<6>[];
export function parseIpSetSave(save: string, family: Family): IpSet<Family>[];
export function parseIpSetSave(save: string, family: Family = 4): IpSet<Family>[] {
  const sets = new Map<string, SetDraft>();
  for (const [index, line] of save.split('\n').entries()) {
    IptablesTextError.at(index + 1, line, () => readLine(line.trim(), sets));
  }
  const drafts = [...sets.values()].filter((draft) => draft.family === family);
  return drafts.map(({ name, type, members }) =>
    // Each was read by its family's parser.
    family === 6
      ? { name, type, family, members: ipv6SetMembers(members as Ipv6Cidr[]) }
      : { name, type, members: setMembers(members as Ipv4Cidr[]) },
  );
}
