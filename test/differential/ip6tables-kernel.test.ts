// The second family against ip6tables-nft and ipset themselves: the kernel gives back the model that went in.
import {
  canonicalRuleSet,
  diffRuleSets,
  type IpSet,
  ipSetTransaction,
  ipv6SetMembers,
  isEmptyTransaction,
  parseIpSetSave,
  parseSave,
  type RuleSet,
  renderIpSet,
  renderRuleSet,
  renderTransaction,
} from '@isthmus/iptables-ts';
import { anyIpv6RuleSet } from '@isthmus/iptables-ts/testing';
import { parseIpv6Cidr } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type ScratchNamespace, scratchNamespace } from './scratch-namespace.ts';

const tables = ['raw', 'mangle', 'filter'] as const;

function set(name: string, ...members: string[]): IpSet<6> {
  return { name, type: 'hash:net', family: 6, members: ipv6SetMembers(members.map(parseIpv6Cidr)) };
}

async function kernelWithSets(t: ExecutionContext, what: string): Promise<ScratchNamespace> {
  const namespace = await scratchNamespace(t, what);
  const sets = [set('s1', '2001:db8::/32'), set('s-2')];
  await namespace.commands.run('ipset', ['restore'], { input: sets.map(renderIpSet).join('') });
  return namespace;
}

async function saved({ commands }: ScratchNamespace): Promise<RuleSet<6>> {
  const { stdout } = await commands.run('ip6tables-save', []);
  return canonicalRuleSet<6>(parseSave(stdout, 6));
}

function complete(ruleSet: RuleSet<6>): RuleSet<6> {
  return canonicalRuleSet<6>(Object.fromEntries(tables.map((table) => [table, ruleSet[table] ?? new Map()])));
}

test('ip6tables-save gives back what ip6tables-restore took, and transactions lead from one to the next', async (t) => {
  const kernel = await kernelWithSets(t, 'v6');
  let now = complete({});
  await kernel.commands.run('ip6tables-restore', [], { input: renderRuleSet(now) });
  await fc.assert(
    fc.asyncProperty(anyIpv6RuleSet(), async (ruleSet) => {
      const next = complete(ruleSet);
      const input = renderTransaction(diffRuleSets(now, next));
      await kernel.commands.run('ip6tables-restore', ['--noflush'], { input });
      now = next;
      t.deepEqual(await saved(kernel), next);
      t.true(isEmptyTransaction(diffRuleSets(await saved(kernel), next)));
    }),
    { numRuns: 50, endOnFailure: true },
  );
});

test('ipset save gives back sets of inet6, before and after a transaction', async (t) => {
  const { commands } = await scratchNamespace(t, 'set6');
  const before = [set('a', '2001:db8::/32', '::/0'), set('b', 'fe80::1/128'), set('c')];
  const after = [set('a', '2001:db8::/33'), set('b', 'fe80::1/128'), set('d', '2001:db8::5/128')];
  const current = async () => parseIpSetSave((await commands.run('ipset', ['save'])).stdout, 6);
  const restore = async (input: string) => commands.run('ipset', ['restore'], { input });
  await restore(before.map(renderIpSet).join(''));
  t.deepEqual(await current(), before);
  const { stage, swap, destroy } = ipSetTransaction(before, after);
  for (const text of [stage, swap, destroy]) await restore(text);
  t.deepEqual(await current(), after);
});
