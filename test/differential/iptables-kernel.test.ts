// What the library writes, against iptables-nft and ipset themselves: the kernel gives back the model that went in.

import {
  type Chain,
  canonicalRuleSet,
  diffRuleSets,
  type IpSet,
  ipSetTransaction,
  isEmptyTransaction,
  mergeTransactions,
  parseIpSetSave,
  parseSave,
  type RuleSet,
  renderIpSet,
  renderRuleSet,
  renderTransaction,
  setMembers,
  tableNames,
  transactionOf,
  validateRuleSet,
} from '@isthmus/iptables-ts';
import { anyRuleSet } from '@isthmus/iptables-ts/testing';
import { parseIpv4Cidr } from '@isthmus/net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { type ScratchNamespace, scratchNamespace } from './scratch-namespace.ts';

const sets: readonly IpSet[] = ['s1', 's-2'].map((name) => ({
  name,
  type: 'hash:net',
  members: [parseIpv4Cidr('10.0.0.0/8')],
}));

async function kernelWithSets(t: ExecutionContext, what: string): Promise<ScratchNamespace> {
  const namespace = await scratchNamespace(t, what);
  await namespace.commands.run('ipset', ['restore'], { input: sets.map(renderIpSet).join('') });
  return namespace;
}

async function saved({ commands }: ScratchNamespace): Promise<RuleSet> {
  const { stdout } = await commands.run('iptables-save', []);
  return canonicalRuleSet(parseSave(stdout));
}

/** Every table written out, so that nothing of an earlier round is left. */
function complete(ruleSet: RuleSet): RuleSet {
  const tables = tableNames.map((table) => [table, ruleSet[table] ?? new Map()]);
  return canonicalRuleSet(Object.fromEntries(tables));
}

test('iptables-save gives back the rule set that iptables-restore took', async (t) => {
  const kernel = await kernelWithSets(t, 'save');
  await fc.assert(
    fc.asyncProperty(anyRuleSet(), async (ruleSet) => {
      await kernel.commands.run('iptables-restore', [], { input: renderRuleSet(complete(ruleSet)) });
      t.deepEqual(await saved(kernel), complete(ruleSet));
    }),
    { numRuns: 60 },
  );
});

test('the transaction between two rule sets turns the one into the other', async (t) => {
  const kernel = await kernelWithSets(t, 'diff');
  let now = complete({});
  await kernel.commands.run('iptables-restore', [], { input: renderRuleSet(now) });
  await fc.assert(
    fc.asyncProperty(anyRuleSet(), async (ruleSet) => {
      const next = complete(ruleSet);
      const transaction = diffRuleSets(now, next);
      await kernel.commands.run('iptables-restore', ['--noflush'], { input: renderTransaction(transaction) });
      now = next;
      t.deepEqual(await saved(kernel), next);
      t.true(isEmptyTransaction(diffRuleSets(await saved(kernel), next)));
    }),
    { numRuns: 60, endOnFailure: true },
  );
});

test('changes by chain do the same as the diff, and may be repeated', async (t) => {
  const kernel = await kernelWithSets(t, 'changes');
  const accept = { match: {}, target: { kind: 'ACCEPT' } } as const;
  const jump = { match: {}, target: { kind: 'jump', chain: 'a' } } as const;
  const back = { match: {}, target: { kind: 'goto', chain: 'b' } } as const;
  const made = transactionOf(
    'filter',
    new Map([
      ['FORWARD', { policy: 'DROP' as const, rules: [jump] }],
      ['a', { rules: [back] }],
      ['b', { rules: [accept] }],
    ]),
  );
  const gone = transactionOf(
    'filter',
    new Map([
      ['FORWARD', null],
      ['a', null],
      ['b', null],
    ]),
  );
  for (const transaction of [made, made, gone, gone, mergeTransactions(made, gone)]) {
    await kernel.commands.run('iptables-restore', ['--noflush'], { input: renderTransaction(transaction) });
  }
  t.deepEqual((await saved(kernel)).filter, complete({}).filter);
});

test('what validateRuleSet names, iptables refuses', async (t) => {
  const kernel = await kernelWithSets(t, 'refuse');
  const rule = (match: object, target: object) => ({ match, target }) as never;
  const accept = { kind: 'ACCEPT' };
  const chain = (name: string, list: readonly never[]): ReadonlyMap<string, Chain> =>
    new Map([[name, { rules: list }]]);
  const nest = new Map(
    Array.from({ length: 17 }, (_, n) => [
      n === 0 ? 'FORWARD' : `c${n}`,
      { rules: n === 16 ? [] : [rule({}, { kind: n % 2 === 0 ? 'jump' : 'goto', chain: `c${n + 1}` })] },
    ]),
  );
  const rows: readonly [string, RuleSet][] = [
    [
      'ports without tcp or udp',
      { filter: chain('INPUT', [rule({ destinationPorts: { first: 1, last: 2 } }, accept)]) },
    ],
    ['a negated /0', { filter: chain('INPUT', [rule({ source: '0.0.0.0/0', not: ['source'] }, accept)]) }],
    [
      'tcp-reset of udp',
      { filter: chain('INPUT', [rule({ protocol: 'udp' }, { kind: 'REJECT', with: 'tcp-reset' })]) },
    ],
    ['REJECT in mangle', { mangle: chain('INPUT', [rule({}, { kind: 'REJECT', with: 'icmp-port-unreachable' })]) }],
    ['DROP in nat', { nat: chain('PREROUTING', [rule({}, { kind: 'DROP' })]) }],
    ['DNAT in POSTROUTING', { nat: chain('POSTROUTING', [rule({}, { kind: 'DNAT', address: '1.2.3.4' })]) }],
    ['SNAT in PREROUTING', { nat: chain('PREROUTING', [rule({}, { kind: 'SNAT', address: '1.2.3.4' })]) }],
    ['MASQUERADE in PREROUTING', { nat: chain('PREROUTING', [rule({}, { kind: 'MASQUERADE' })]) }],
    ['DNAT in filter', { filter: chain('INPUT', [rule({}, { kind: 'DNAT', address: '1.2.3.4' })]) }],
    [
      'ports to DNAT to without a protocol',
      {
        nat: chain('PREROUTING', [rule({}, { kind: 'DNAT', address: '1.2.3.4', ports: { first: 80, last: 80 } })]),
      },
    ],
    ['-o in INPUT', { filter: chain('INPUT', [rule({ outInterface: 'eth0' }, accept)]) }],
    ['-i in POSTROUTING', { nat: chain('POSTROUTING', [rule({ inInterface: 'eth0' }, accept)]) }],
    ['a chain that is not there', { filter: chain('INPUT', [rule({}, { kind: 'jump', chain: 'nowhere' })]) }],
    ['a name of 29 characters', { filter: chain('a'.repeat(29), []) }],
    ['a name that is a target', { filter: chain('ACCEPT', []) }],
    ['a name that begins with -', { filter: chain('-x', []) }],
    ['16 nested chains', { filter: nest }],
    [
      'a loop',
      {
        filter: new Map([
          ['FORWARD', { rules: [rule({}, { kind: 'jump', chain: 'a' })] }],
          ['a', { rules: [rule({}, { kind: 'jump', chain: 'a' })] }],
        ]),
      },
    ],
  ];
  for (const [what, ruleSet] of rows) {
    t.true(validateRuleSet(ruleSet).length > 0, what);
    // Not --test: it leaves out what the kernel itself checks.
    const load = async () => kernel.commands.run('iptables-restore', [], { input: renderRuleSet(ruleSet) });
    await t.throwsAsync(load, undefined, what);
  }
});

test('ipset save gives back the sets, before and after a transaction', async (t) => {
  const { commands } = await scratchNamespace(t, 'ipset');
  const set = (name: string, type: IpSet['type'], ...members: string[]): IpSet => ({
    name,
    type,
    members: setMembers(members.map(parseIpv4Cidr)),
  });
  const before = [
    set('a', 'hash:net', '10.0.0.0/8', '0.0.0.0/0'),
    set('b', 'hash:ip', '1.2.3.4/32'),
    set('c', 'hash:net'),
  ];
  const after = [
    set('a', 'hash:net', '10.0.0.0/9'),
    set('b', 'hash:ip', '1.2.3.4/32'),
    set('d', 'hash:ip', '9.9.9.9/32'),
  ];
  const current = async () => parseIpSetSave((await commands.run('ipset', ['save'])).stdout);
  const restore = async (input: string) => commands.run('ipset', ['restore'], { input });
  await restore(before.map(renderIpSet).join(''));
  t.deepEqual(await current(), before);
  const { stage, swap, destroy, discard } = ipSetTransaction(before, after);
  await restore(stage);
  await restore(discard);
  t.deepEqual(await current(), before);
  for (const text of [stage, swap, destroy]) await restore(text);
  t.deepEqual(await current(), after);
});
