// What the schema cannot see of the section `loadBalancing`: entries that contradict each other or mean nothing. Which
// address and port is whose, among forwards too, is looked at in nat.ts.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { LoadBalancerCertificate, LoadBalancerMember, LoadBalancerRule, RouterDocument } from '@isthmus/contract';
import { cidrContains } from '@isthmus/net';
import type { BalancerEntries } from './haproxy/proxies.ts';
import type { DocumentChange, DocumentFault } from './service.ts';

/** `-m cluster` knows so many nodes. */
const maxUdpSourceMembers = 32;
/** As long as it takes to write a rule for each into one chain. */
const maxUdpMembers = 256;

type Report = (field: string, message: string) => void;

function udpFaults(rule: LoadBalancerRule, members: number, report: Report): void {
  const { algorithm, stickiness, healthCheck, isHttp } = rule;
  if (algorithm === 'leastconn') {
    report(
      'algorithm',
      'leastconn: expected roundrobin or source with protocol udp, which has no connections to count',
    );
  }
  if (stickiness !== undefined) report('stickiness', `${stickiness.method}: expected none with protocol udp`);
  if (healthCheck !== undefined) report('healthCheck', 'is there: expected none with protocol udp');
  if (isHttp) report('isHttp', 'true: expected false with protocol udp');
  const most = algorithm === 'source' ? maxUdpSourceMembers : maxUdpMembers;
  if (members > most)
    report('algorithm', `${algorithm}: expected at most ${most} members with protocol udp, found ${members}`);
}

function certificateFaults(
  { protocol, certificates }: LoadBalancerRule,
  document: RouterDocument,
  report: Report,
): void {
  const known = document.entries['loadBalancing.certificates'];
  for (const id of certificates) {
    if (!known.has(id)) report('certificates', `${id}: expected an entry of loadBalancing.certificates`);
  }
  if (new Set(certificates).size < certificates.length) report('certificates', 'names one twice: expected each once');
  if (protocol === 'ssl' && certificates.length === 0)
    report('certificates', 'empty: expected one at least with protocol ssl');
  if (protocol !== 'ssl' && certificates.length > 0) {
    report('certificates', `${certificates.join(', ')}: expected none with protocol ${protocol}`);
  }
}

function stickinessFaults({ stickiness, isHttp, protocol }: LoadBalancerRule, report: Report): void {
  if (stickiness === undefined || stickiness.method === 'source') return;
  const { method } = stickiness;
  if (!isHttp && protocol !== 'udp') report('stickiness', `${method}: expected source where isHttp is false`);
  if (stickiness.method === 'lb-cookie' && stickiness.mode === 'rewrite' && stickiness.indirect) {
    report('stickiness.indirect', 'true: expected false with mode rewrite, since the cookie is the application’s');
  }
  if (stickiness.method === 'app-cookie' && stickiness.prefix) {
    report('stickiness.prefix', 'true: expected false, the whole name of the cookie');
  }
}

function keyFaults({ certificate, privateKey }: LoadBalancerCertificate, report: Report): void {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    report('certificate', 'cannot be read: expected an X.509 certificate in PEM');
    return;
  }
  try {
    if (!leaf.checkPrivateKey(createPrivateKey(privateKey))) {
      report('privateKey', 'belongs to another certificate: expected the key of the first certificate');
    }
  } catch {
    report('privateKey', 'cannot be read: expected an unencrypted private key in PEM');
  }
}

class BalancingCheck {
  readonly faults: DocumentFault[] = [];
  readonly #change: DocumentChange;
  readonly #members: (rule: string) => Map<string, LoadBalancerMember>;

  constructor(change: DocumentChange, applied: BalancerEntries) {
    this.#change = change;
    this.#members = membersAfter(change, applied);
  }

  #report(path: string): Report {
    return (field, message) => {
      this.faults.push({ path: `${path}.${field}`, message: `${path}.${field} ${message}` });
    };
  }

  rules(): void {
    const { document, entries } = this.#change;
    const changed = entries['loadBalancing.rules'].filter(({ after }) => after !== undefined);
    for (const { id, after: rule } of changed) {
      if (rule === undefined) continue;
      const path = `loadBalancing.rules.${id}`;
      const report = this.#report(path);
      if (rule.protocol === 'udp') udpFaults(rule, this.#members(id).size, report);
      certificateFaults(rule, document, report);
      stickinessFaults(rule, report);
    }
  }

  members(): void {
    const { document, entries } = this.#change;
    const rules = document.entries['loadBalancing.rules'];
    const { nat } = document.settings;
    for (const { id, after: member } of entries['loadBalancing.members']) {
      if (member === undefined) continue;
      const report = this.#report(`loadBalancing.members.${id}`);
      const rule = rules.get(member.rule);
      if (rule === undefined) report('rule', `${member.rule}: expected an entry of loadBalancing.rules`);
      const { address } = member;
      if (!cidrContains(nat.guestNetwork, address) || address === nat.guestAddress) {
        report('address', `${address}: expected a guest's address in ${nat.guestNetwork}`);
      }
      const [same] = [...this.#members(member.rule)].filter(
        ([other, each]) => other !== id && each.address === address,
      );
      if (same !== undefined) report('address', `${address}: expected one that member ${same[0]} does not have`);
      if (rule?.protocol === 'udp' && !this.#isChanged(member.rule)) {
        udpFaults(rule, this.#members(member.rule).size, this.#report(`loadBalancing.rules.${member.rule}`));
      }
    }
    this.#orphans(rules);
  }

  #isChanged(rule: string): boolean {
    return this.#change.entries['loadBalancing.rules'].some(({ id }) => id === rule);
  }

  /** Members that stay while their rule goes. */
  #orphans(rules: ReadonlyMap<string, LoadBalancerRule>): void {
    for (const { id, after } of this.#change.entries['loadBalancing.rules']) {
      if (after !== undefined || rules.has(id)) continue;
      for (const member of this.#members(id).keys()) {
        this.#report(`loadBalancing.members.${member}`)('rule', `${id}: expected an entry of loadBalancing.rules`);
      }
    }
  }

  certificates(): void {
    const { entries, document } = this.#change;
    for (const { id, after } of entries['loadBalancing.certificates']) {
      const path = `loadBalancing.certificates.${id}`;
      if (after !== undefined) keyFaults(after, this.#report(path));
      else this.#usersOf(id, document);
    }
  }

  #usersOf(certificate: string, document: RouterDocument): void {
    for (const [id, rule] of document.entries['loadBalancing.rules']) {
      if (this.#isChanged(id) || !rule.certificates.includes(certificate)) continue;
      this.#report(`loadBalancing.rules.${id}`)(
        'certificates',
        `${certificate}: expected an entry of loadBalancing.certificates`,
      );
    }
  }
}

/** The members of a rule after a change. */
function membersAfter(change: DocumentChange, applied: BalancerEntries) {
  const made = new Map<string, Map<string, LoadBalancerMember>>();
  return (rule: string): Map<string, LoadBalancerMember> => {
    const known = made.get(rule);
    if (known !== undefined) return known;
    const members = new Map(change.full ? [] : applied.members(rule));
    for (const { id, before, after } of change.entries['loadBalancing.members']) {
      if (before?.rule === rule) members.delete(id);
      if (after?.rule === rule) members.set(id, after);
    }
    made.set(rule, members);
    return members;
  };
}

/** Cross-reference faults of `loadBalancing` in a change. `applied` holds what is applied; a full change does not look at it. */
export function loadBalancingFaults(change: DocumentChange, applied: BalancerEntries): DocumentFault[] {
  const check = new BalancingCheck(change, applied);
  check.rules();
  check.members();
  check.certificates();
  return check.faults;
}
