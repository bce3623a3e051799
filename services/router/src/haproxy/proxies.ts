// What HAProxy is to serve: the rules, members and certificates of the document as proxies. In memory, pure.
import type { LoadBalancerCertificate, LoadBalancerMember, LoadBalancerRule, RouterSettings } from '@isthmus/contract';
import {
  type ProxyConfig,
  renderCertificateList,
  renderGlobal,
  renderProxy,
  renderProxyHead,
} from '@isthmus/haproxy-config';
import {
  certificateListPath,
  certificatePath,
  certificateText,
  globalConfig,
  isProxied,
  proxyOf,
  serverOf,
} from '@isthmus/templates/load-balancing';
import type { DocumentChange, EntryChange } from '../service.ts';
import type { Texts } from './files.ts';
import { globalPath, type HaproxyLayout, proxyPath } from './layout.ts';

/** The settings of section `loadBalancing`. */
export type LoadBalancingSettings = RouterSettings['loadBalancing'];

/** One rule as it is served. */
export interface Proxied {
  readonly proxy: ProxyConfig;
  /** What takes a reload to change. */
  readonly head: string;
  readonly text: string;
  /** Ids of certificates. */
  readonly certificates: readonly string[];
}

/** One rule's change; null: not served. */
export interface ProxyChange {
  readonly id: string;
  readonly before: Proxied | null;
  readonly after: Proxied | null;
}

type Members = ReadonlyMap<string, LoadBalancerMember>;
const nobody: Members = new Map();

/** The rules, members and certificates of a document, members by their rule. */
export class BalancerEntries {
  readonly rules = new Map<string, LoadBalancerRule>();
  readonly certificates = new Map<string, LoadBalancerCertificate>();
  readonly #members = new Map<string, Map<string, LoadBalancerMember>>();
  settings: LoadBalancingSettings | null = null;

  /** Of a whole document. */
  static of({ document }: DocumentChange): BalancerEntries {
    const entries = new BalancerEntries();
    entries.settings = document.settings.loadBalancing;
    for (const [id, rule] of document.entries['loadBalancing.rules']) entries.rules.set(id, rule);
    for (const [id, certificate] of document.entries['loadBalancing.certificates']) {
      entries.certificates.set(id, certificate);
    }
    for (const [id, member] of document.entries['loadBalancing.members']) entries.#put(id, member);
    return entries;
  }

  members(ruleId: string): Members {
    return this.#members.get(ruleId) ?? nobody;
  }

  #put(id: string, member: LoadBalancerMember): void {
    const members = this.#members.get(member.rule) ?? new Map<string, LoadBalancerMember>();
    this.#members.set(member.rule, members.set(id, member));
  }

  #remove(id: string, { rule }: LoadBalancerMember): void {
    const members = this.#members.get(rule);
    members?.delete(id);
    if (members?.size === 0) this.#members.delete(rule);
  }

  /** Moves to the state after a change. Answers with what moves back. */
  advance({ document, entries }: DocumentChange): () => void {
    const { settings } = this;
    const move = (direction: 'before' | 'after') => {
      const other = direction === 'after' ? 'before' : 'after';
      for (const change of entries['loadBalancing.rules']) replace(this.rules, change, direction);
      for (const change of entries['loadBalancing.certificates']) replace(this.certificates, change, direction);
      for (const change of entries['loadBalancing.members']) {
        const { id, [other]: old } = change;
        if (old !== undefined) this.#remove(id, old);
      }
      for (const { id, [direction]: now } of entries['loadBalancing.members'])
        if (now !== undefined) this.#put(id, now);
    };
    this.settings = document.settings.loadBalancing;
    move('after');
    return () => {
      this.settings = settings;
      move('before');
    };
  }

  /** A rule as it is to be served; null where HAProxy does not. */
  proxied(id: string, layout: HaproxyLayout): Proxied | null {
    const rule = this.rules.get(id);
    if (rule === undefined || this.settings?.enabled !== true || !isProxied(rule)) return null;
    // By their ids, so that the text follows from the document alone, whatever came first.
    const sorted = [...this.members(id)].sort(([a], [b]) => (a < b ? -1 : 1));
    const servers = sorted.map(([memberId, member]) => serverOf(memberId, rule, member));
    const proxy = { ...proxyOf(id, rule, this.settings, layout), servers };
    return { proxy, head: renderProxyHead(proxy), text: renderProxy(proxy), certificates: rule.certificates };
  }
}

function replace<Entry>(
  map: Map<string, Entry>,
  change: { readonly id: string; readonly before?: Entry; readonly after?: Entry },
  direction: 'before' | 'after',
): void {
  const { id, [direction]: now } = change;
  if (now === undefined) map.delete(id);
  else map.set(id, now);
}

/** True where a change of the document concerns load balancing. */
export function concernsBalancing({ full, sections, entries }: DocumentChange): boolean {
  const collections = ['loadBalancing.rules', 'loadBalancing.members', 'loadBalancing.certificates'] as const;
  return full || sections.has('loadBalancing') || collections.some((name) => entries[name].length > 0);
}

/** Ids of the rules that a change touches. */
export function touchedRules({ entries }: DocumentChange): Set<string> {
  const ofMembers = (change: EntryChange<'loadBalancing.members'>) =>
    [change.before, change.after].flatMap((member) => member?.rule ?? []);
  return new Set([
    ...entries['loadBalancing.rules'].map(({ id }) => id),
    ...entries['loadBalancing.members'].flatMap(ofMembers),
  ]);
}

/** The file before those of the rules. */
export function globalTexts(settings: LoadBalancingSettings, layout: HaproxyLayout): Map<string, string> {
  return new Map([[globalPath(layout), renderGlobal(globalConfig(settings, layout))]]);
}

/** The files of one rule but for its certificates; null where it is not served. */
export function proxyTexts(id: string, proxied: Proxied | null, layout: HaproxyLayout): Map<string, string | null> {
  const list =
    proxied === null || proxied.certificates.length === 0
      ? null
      : renderCertificateList(proxied.certificates.map((certificate) => certificatePath(layout, certificate)));
  // The list first: a process that crashes is started with what lies there.
  return new Map([
    [certificateListPath(layout, id), list],
    [proxyPath(layout, id), proxied?.text ?? null],
  ]);
}

/** The files of certificates by their ids; one that is not in the document is left out. */
export function certificateTexts(ids: Iterable<string>, entries: BalancerEntries, layout: HaproxyLayout): Texts {
  const texts = new Map<string, string>();
  for (const id of ids) {
    const certificate = entries.certificates.get(id);
    if (certificate !== undefined) texts.set(certificatePath(layout, id), certificateText(certificate));
  }
  return texts;
}
