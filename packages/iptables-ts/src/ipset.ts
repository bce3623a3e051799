// Text for `ipset restore`, and what `ipset save` prints.
import { cidrRange, type Ipv4Cidr, ipv4FromNumber, ipv4Network, ipv4ToNumber, parseIpv4Cidr } from '@isthmus/net';
import type { IpSet } from './model.ts';
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

function createLines({ type, members }: IpSet, name: string): string[] {
  return [
    writeLine(['create', name, type, 'family', 'inet', 'maxelem', String(maxSetMembers)]),
    ...members.map((member) => writeLine(['add', name, member])),
  ];
}

/** The same networks in CIDRs that a hash:net takes: 0.0.0.0/0 becomes its two halves. Sorted by number, no duplicates. */
export function setMembers(cidrs: readonly Ipv4Cidr[]): Ipv4Cidr[] {
  const zero = ipv4FromNumber(0);
  const halves = [ipv4Network(zero, 1), ipv4Network(ipv4FromNumber(2 ** 31), 1)];
  const fitting = new Set(cidrs.flatMap((cidr) => (cidr.endsWith('/0') ? halves : [cidr])));
  const order = (cidr: Ipv4Cidr): number => {
    const { first, last } = cidrRange(cidr);
    return ipv4ToNumber(first) * 64 + Math.log2(ipv4ToNumber(last) - ipv4ToNumber(first) + 1);
  };
  return [...fitting].sort((a, b) => order(a) - order(b));
}

/** `ipset restore` text that makes and fills a set, for a valid set (validateIpSet). */
export function renderIpSet(set: IpSet): string {
  return text(createLines(set, set.name));
}

/** Name of the copy that is filled beside a set that serves. No valid set name holds a `~`. */
export function stagedSetName(name: string): string {
  return `${name}~n`;
}

function sameMembers(a: IpSet, b: IpSet): boolean {
  const members = new Set(a.members);
  return a.members.length === b.members.length && b.members.every((member) => members.has(member));
}

/**
 * What turns the sets `before` into `after`; a set with the same members, in whatever order, is left alone. Throws
 * RangeError where a set keeps its name and changes its type, which no swap can do.
 */
export function ipSetTransaction(before: readonly IpSet[], after: readonly IpSet[]): IpSetTransaction {
  const old = new Map(before.map((set) => [set.name, set]));
  const kept = new Set(after.map(({ name }) => name));
  const made = after.filter(({ name }) => !old.has(name));
  const changed = after.filter((set) => {
    const was = old.get(set.name);
    if (was !== undefined && was.type !== set.type) {
      throw new RangeError(`set ${set.name}: cannot change from ${was.type} to ${set.type} under one name`);
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

function readLine(line: string, sets: Map<string, { name: string; type: IpSet['type']; members: Ipv4Cidr[] }>): void {
  if (line === '') return;
  const [verb, name = '', word = '', ...rest] = line.split(' ');
  if (verb === 'create' && (word === 'hash:net' || word === 'hash:ip')) {
    if (!isSetName(name.replace(/~n$/, ''))) throw new RangeError(`${name} is no set name`);
    if (sets.has(name)) throw new RangeError(`set ${name} is there twice`);
    sets.set(name, { name, type: word, members: [] });
    return;
  }
  const members = sets.get(name)?.members;
  if (verb !== 'add' || rest.length > 0)
    throw new RangeError('expected create of hash:net or hash:ip, or add SET MEMBER');
  if (members === undefined) throw new RangeError(`set ${name} is not created before`);
  members.push(parseIpv4Cidr(word.includes('/') ? word : `${word}/32`));
}

/**
 * Reads `ipset save`, and what this file writes. Members come sorted, since the kernel keeps no order. Throws
 * IptablesTextError on a line that it does not know, such as a set of another type.
 */
export function parseIpSetSave(save: string): IpSet[] {
  const sets = new Map<string, { name: string; type: IpSet['type']; members: Ipv4Cidr[] }>();
  for (const [index, line] of save.split('\n').entries()) {
    IptablesTextError.at(index + 1, line, () => readLine(line.trim(), sets));
  }
  return [...sets.values()].map((set) => ({ ...set, members: setMembers(set.members) }));
}
