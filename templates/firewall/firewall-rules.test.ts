import { readFileSync, writeFileSync } from 'node:fs';
import { renderIpSet, renderRuleSet, validateIpSet, validateRuleSet } from '@isthmus/iptables-ts';
import test from 'ava';
import fc from 'fast-check';
import { CidrLists, FirewallRules, ipv4Set, PublicAddresses } from './index.ts';
import {
  address,
  anyEgress,
  anyIngress,
  changed,
  cidr,
  natSettings,
  PacketFilter,
  ports,
  remaining,
  steps,
} from './packet-filter-fixture.ts';

function compare(t: { is(a: string, b: string): unknown }, name: string, text: string): void {
  const golden = new URL(`golden/${name}`, import.meta.url);
  if (process.env.UPDATE_GOLDEN === '1') writeFileSync(golden, text);
  t.is(text, readFileSync(golden, 'utf8'));
}

test('raw, mangle and filter of a small router', (t) => {
  const list = [cidr('198.51.100.0/24'), cidr('192.0.2.0/24')];
  const { firewall } = new PacketFilter(
    {
      ingress: {
        web: { publicAddress: address('203.0.113.2'), protocol: 'tcp', ports: ports(8080), sources: [] },
        ssh: { publicAddress: address('203.0.113.3'), protocol: 'tcp', ports: ports(22, 23), sources: list },
        ping: { publicAddress: address('203.0.113.3'), protocol: 'icmp', icmp: { type: 8, code: -1 }, sources: [] },
        all: { publicAddress: address('203.0.113.4'), protocol: 'all', sources: [cidr('192.0.2.1/32')] },
      },
      egress: {
        web: { protocol: 'tcp', ports: ports(443), sources: [], destinations: [] },
        some: { protocol: 'udp', sources: [cidr('10.1.1.8/29')], destinations: list.toReversed() },
        ping: { protocol: 'icmp', icmp: { type: 3, code: 4 }, sources: [], destinations: [cidr('0.0.0.0/0')] },
      },
    },
    'deny',
  );
  const ruleSet = firewall.ruleSet();
  t.deepEqual(validateRuleSet(ruleSet), []);
  t.deepEqual(firewall.sets().flatMap(validateIpSet), []);
  t.is(firewall.sets().length, 2, 'two rules share one list');
  compare(t, 'small.rules', renderRuleSet(ruleSet));
  compare(t, 'small.sets', firewall.sets().map(renderIpSet).join(''));
});

test('a network without a public side', (t) => {
  const rules = new FirewallRules('demo');
  const { guestInterface, guestNetwork, guestAddress } = natSettings;
  rules.set({ guestInterface, guestNetwork, guestAddress }, 'allow');
  t.deepEqual(validateRuleSet(rules.ruleSet()), []);
  compare(t, 'isolated.rules', renderRuleSet(rules.ruleSet()));
});

test('chains and sets follow from the entries alone, and the changes lead from one state to the next', (t) => {
  const egressDefault = fc.constantFrom('allow' as const, 'deny' as const);
  fc.assert(
    fc.property(steps(anyIngress), steps(anyEgress), egressDefault, egressDefault, (ingress, egress, first, last) => {
      const rules = new FirewallRules('demo');
      rules.set(natSettings, first);
      let { raw, mangle, filter } = { raw: new Map(), mangle: new Map(), filter: new Map() };
      const sets = new Map<string, string>();
      const take = () => {
        const changes = rules.takeChanges();
        raw = changed(raw, changes.raw);
        mangle = changed(mangle, changes.mangle);
        filter = changed(filter, changes.filter);
        const { added, removed } = rules.lists.takeChanges();
        for (const set of added) sets.set(set.name, renderIpSet(set));
        for (const name of removed) t.true(sets.delete(name));
      };
      take();
      for (const [id, entry] of ingress) {
        if (entry === null) rules.ingress.remove(id);
        else rules.ingress.put(id, entry);
        take();
      }
      for (const [id, entry] of egress) {
        if (entry === null) rules.egress.remove(id);
        else rules.egress.put(id, entry);
      }
      rules.set(natSettings, last);
      take();
      const scratch = new FirewallRules('demo');
      scratch.set(natSettings, last);
      for (const [id, entry] of remaining(egress)) scratch.egress.put(id, entry);
      for (const [id, entry] of remaining(ingress)) scratch.ingress.put(id, entry);
      t.is(renderRuleSet({ raw, mangle, filter }), renderRuleSet(scratch.ruleSet()));
      t.deepEqual([...sets.values()].sort(), scratch.lists.sets().map(renderIpSet).sort());
      t.deepEqual(validateRuleSet({ raw, mangle, filter }), []);
    }),
    { numRuns: 40 },
  );
});

test('a list is one set however often and in whatever order it is named', (t) => {
  const lists = new CidrLists('demo', ipv4Set);
  const [one, two] = [cidr('192.0.2.0/24'), cidr('198.51.100.0/24')];
  const first = lists.retain([one, two], 'src');
  t.deepEqual(lists.retain([two, one, two], 'src'), first);
  t.deepEqual(lists.retain([one], 'dst'), { destination: one });
  t.deepEqual(lists.retain([one, cidr('0.0.0.0/0')], 'src'), {});
  t.is(lists.takeChanges().added.length, 1);
  lists.release([two, one]);
  t.deepEqual(lists.takeChanges(), { added: [], removed: [] });
  lists.release([one, two]);
  lists.release([one]);
  lists.release([two, cidr('203.0.113.0/24')]);
  t.is(lists.takeChanges().removed.length, 1);
  t.deepEqual(lists.sets(), []);
});

test('a public address stays as long as anything names it', (t) => {
  const addresses = new PublicAddresses('demo');
  const [one, two] = [address('203.0.113.2'), address('203.0.113.3')];
  for (const each of [one, two, one]) addresses.retain(each);
  t.deepEqual(addresses.takeChanges(), { added: [one, two], removed: [] });
  addresses.release(one);
  addresses.release(two);
  addresses.release(two);
  t.deepEqual(addresses.takeChanges(), { added: [], removed: [two] });
  t.deepEqual(addresses.set().members, [cidr('203.0.113.2/32')]);
});
