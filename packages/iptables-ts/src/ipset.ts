import type { Ipv4Cidr } from '@isthmus/net';
import type { IpSet } from './model.ts';

/** Four texts for `ipset restore`, each empty where there is nothing to do. */
export interface IpSetTransaction {
  /** Makes new sets and filled copies of changed ones. Nothing that serves changes. Before rules are checked. */
  readonly stage: string;
  /** Puts the copies in the place of the changed sets and drops the old content. */
  readonly swap: string;
  /** Destroys sets that are gone. After no rule refers to them. */
  readonly destroy: string;
  /** Takes back `stage`, where `swap` has not run. */
  readonly discard: string;
}

/** `ipset restore` text that makes and fills a set. */
export function renderIpSet(_set: IpSet): string {
  return '';
}

/** What turns the sets `before` into `after`. Throws where a set of one name changes its type. */
export function ipSetTransaction(_before: readonly IpSet[], _after: readonly IpSet[]): IpSetTransaction {
  return { stage: '', swap: '', destroy: '', discard: '' };
}

/** Reads `ipset save`. Throws IptablesTextError on a line that it does not know. */
export function parseIpSetSave(_text: string): IpSet[] {
  return [];
}

/** The same addresses in CIDRs that a hash:net takes: 0.0.0.0/0 becomes its two halves. Sorted, without duplicates. */
export function setMembers(cidrs: readonly Ipv4Cidr[]): Ipv4Cidr[] {
  return [...cidrs];
}
